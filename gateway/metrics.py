"""What operations watches, in Prometheus' text format: how much waits, and since when. Read from PostgreSQL when
asked, so that every process says the same."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from controls.models import Alert
from merchants.limits import refusals
from payments.models import Operation
from reconciliation.models import Break
from webhooks.models import Delivery, Notification
from webhooks.queries import relay_lag, stream_backlog


def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever sends METRICS_TOKEN as a bearer. Without the token there is no such page."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not constant_time_compare(given, settings.METRICS_TOKEN):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Waiting())
    registry.register(Refused())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Waiting(Collector):
    """Each family is one statement, answered from an index of what is open."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        alerts = GaugeMetricFamily("tollgate_alerts_open", "Alerts nobody has resolved.", labels=["kind"])
        for row in Alert.objects.filter(state="open").values("kind").annotate(number=Count("pk")):
            alerts.add_metric([row["kind"]], row["number"])
        yield alerts
        late = Operation.objects.filter(next_attempt_at__isnull=False, deadline_at__lt=now)
        yield from _backlog("operations_in_doubt", "Operations whose outcome is late.", *_of(late), now)
        lag = relay_lag()
        yield from _backlog("events_not_relayed", "Events in the outbox.", lag.events, lag.oldest, now)
        if settings.KAFKA_BOOTSTRAP_SERVERS:
            yield from _backlog("events_not_published", "Events the broker lacks.", *stream_backlog(), now)
        due = Delivery.objects.filter(next_attempt_at__isnull=False)
        overdue = due.filter(next_attempt_at__lt=now)
        yield from _backlog(
            "deliveries_failing", "Webhooks to be repeated.", *_of(due.filter(attempts__gt=0)), now
        )
        yield from _backlog(
            "deliveries_overdue", "Webhooks whose time has come.", *_of(overdue, "next_attempt_at"), now
        )
        heard = Notification.objects.filter(next_attempt_at__isnull=False)
        yield from _backlog(
            "notifications_waiting", "Processors' news not applied.", *_of(heard, "received_at"), now
        )
        breaks = Break.objects.filter(~Q(state="resolved"))
        yield from _backlog("breaks_open", "Breaks nobody has resolved.", *_of(breaks, "opened_at"), now)


class Refused(Collector):
    """Counted where the limits are, by all processes together: in Redis. Nothing is said while that is away."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        counted = refusals()
        if counted is None:
            return
        words = "Requests that were too many, by the limit that they met."
        family = CounterMetricFamily("tollgate_requests_refused", words, labels=["limit"])
        for name in settings.RATE_LIMITS:
            family.add_metric([name], counted.get(name, 0))
        yield family


def _of(rows: "QuerySet[Any]", since: str = "created_at") -> tuple[int, datetime | None]:
    found = rows.aggregate(number=Count("pk"), oldest=Min(since))
    return found["number"], found["oldest"]


def _backlog(
    name: str, words: str, number: int, oldest: datetime | None, now: datetime
) -> Iterator[GaugeMetricFamily]:
    yield GaugeMetricFamily(f"tollgate_{name}", words, value=number)
    age = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    yield GaugeMetricFamily(f"tollgate_{name}_oldest_seconds", f"{words} Age of the oldest.", value=age)
