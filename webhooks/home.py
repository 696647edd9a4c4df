"""What webhooks say on the console's first page: endpoints that do not take what they are sent."""

from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min
from django.urls import reverse

from core.home import Asked, Card, Tile, register
from core.showing import age
from webhooks.models import Delivery
from webhooks.queries import relay_lag, stream_backlog

MAX_ROWS = 8


def _failing(asked: Asked) -> Any:
    """Deliveries that failed and wait, by endpoint, from the partial index of what is due."""
    failing = Delivery.objects.filter(
        next_attempt_at__isnull=False,
        attempts__gt=0,
        state=Delivery.State.PENDING,
        endpoint__livemode=asked.livemode,
    )
    return failing.values("endpoint", "endpoint__url", "endpoint__merchant__name").annotate(
        waiting=Count("pk"), oldest=Min("created_at"), tries=Max("attempts")
    )


def endpoints(asked: Asked) -> Tile:
    rows = list(_failing(asked))
    waiting = sum(row["waiting"] for row in rows)
    return Tile(
        title="Failing endpoints",
        url=_waiting(asked),
        figures=[str(len(rows)) if rows else "None"],
        text=f"{waiting} messages wait, oldest {age(min(row['oldest'] for row in rows))}"
        if rows
        else "Every merchant hears of their payments",
        alarm=bool(rows),
    )


def failing(asked: Asked) -> dict[str, Any]:
    said: dict[str, Any] = {
        "endpoints": list(_failing(asked).order_by("-waiting", "endpoint")[:MAX_ROWS]),
        "lag": relay_lag(),
        "url": _waiting(asked),
    }
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        said["unpublished"], said["oldest_unpublished"] = stream_backlog()
    return said


def _waiting(asked: Asked) -> str:
    mode = int(asked.livemode)
    return (
        reverse("admin:webhooks_delivery_changelist") + f"?state__exact=pending&event__livemode__exact={mode}"
    )


register(Card("endpoints", "webhooks.view_delivery", 40, endpoints))
register(Card("failing", "webhooks.view_delivery", 150, failing, "webhooks/home_failing.html", half=True))
