"""What controls say on the console's first page: open alerts, and what waits for a second person."""

from typing import Any

from django.db.models import Count, Min
from django.urls import reverse

from controls.models import Approval
from controls.queries import open_alerts
from core.home import Asked, Card, Tile, register
from core.showing import age

MAX_ROWS = 8


def approvals(asked: Asked) -> Tile:
    found = Approval.objects.filter(state=Approval.State.OPEN, expires_at__gt=asked.now).aggregate(
        number=Count("pk"), oldest=Min("created_at")
    )
    number = found["number"]
    return Tile(
        title="Approvals",
        url=reverse("admin:controls_approval_changelist") + "?state__exact=open",
        figures=[str(number) if number else "None"],
        text=f"wait for a second person, oldest {age(found['oldest'])}"
        if number
        else "Nothing waits for a second person",
    )


def alerts(asked: Asked) -> dict[str, Any] | None:
    """Of this mode, and those of none."""
    rows = [row for row in open_alerts(limit=MAX_ROWS) if row.livemode in (None, asked.livemode)]
    return {"alerts": rows} if rows else None


register(Card("approvals", "controls.view_approval", 60, approvals))
register(Card("alerts", "controls.view_alert", 110, alerts, "controls/home_alerts.html"))
