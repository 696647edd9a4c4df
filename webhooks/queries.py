"""What a merchant may see of events and endpoints, in one mode."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    Func,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from webhooks.event_types import matches
from webhooks.models import Delivery, DeliveryAttempt, Event, OutboxEntry, UnpublishedEvent, WebhookEndpoint

# What an endpoint's health is judged by.
LATEST = 1_000


class Watermark(Func):
    """Events whose `position` is below it are all there: every database transaction that could add one among them
    has ended. A list up to here, by `position` and `id`, only ever grows at its end."""

    template = (
        "(SELECT starts_at + pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM webhooks_event_clock)"
    )
    output_field = BigIntegerField()


def events(merchant_id: int, *, livemode: bool) -> QuerySet[Event]:
    """With `pending`, the number of deliveries not made yet; `waiting`: endpoints were not looked for yet; and
    `undelivered`: some missed it."""
    pending = (
        Delivery.objects.filter(event=OuterRef("pk"), state=Delivery.State.PENDING)
        .values("event")
        .annotate(number=Count("pk"))
        .values("number")
    )
    missed = Delivery.objects.filter(event=OuterRef("pk")).exclude(state=Delivery.State.SUCCEEDED)
    waiting = Exists(OutboxEntry.objects.filter(event=OuterRef("pk")))
    return Event.objects.filter(merchant_id=merchant_id, livemode=livemode).annotate(
        pending=Coalesce(Subquery(pending), 0),
        waiting=waiting,
        undelivered=Q(waiting) | Q(Exists(missed)),
    )


def pending_webhooks(events: Sequence[Any]) -> list[int]:
    """How many endpoints were not told yet, of each of one merchant's `events`."""
    waiting = [event for event in events if event.waiting]
    wanted: list[list[str]] = []
    if waiting:
        own = endpoints(waiting[0].merchant_id, livemode=waiting[0].livemode)
        enabled = own.filter(state=WebhookEndpoint.State.ENABLED)
        wanted = list(enabled.values_list("enabled_events", flat=True))
    return [
        sum(any(matches(pattern, event.type) for pattern in patterns) for patterns in wanted)
        if event.waiting
        else event.pending
        for event in events
    ]


def endpoints(merchant_id: int, *, livemode: bool) -> QuerySet[WebhookEndpoint]:
    """Deleted ones are no longer there."""
    return WebhookEndpoint.objects.filter(merchant_id=merchant_id, livemode=livemode).exclude(
        state=WebhookEndpoint.State.DELETED
    )


def deliveries(endpoint: WebhookEndpoint) -> QuerySet[Delivery]:
    """With their events and attempts; `public_id` is the event's, of which an endpoint has one delivery."""
    rows = endpoint.deliveries.annotate(public_id=F("event__public_id"))
    return rows.select_related("event", "endpoint").prefetch_related("attempt_rows")


@dataclass(frozen=True)
class Health:
    """How an endpoint takes what it is sent: of its latest deliveries, and what waits for it."""

    succeeded: int
    decided: int
    last_success_at: datetime | None
    backlog: int
    oldest: datetime | None
    given_up: int

    @property
    def success_rate(self) -> str:
        return f"{100 * self.succeeded / self.decided:.1f} %" if self.decided else "–"


def endpoint_health(endpoint: WebhookEndpoint) -> Health:
    """From the latest deliveries only, so that it costs the same for every endpoint. Decided are those that were
    tried."""
    latest = endpoint.deliveries.order_by("-pk").values("pk")[:LATEST]
    told = Q(state=Delivery.State.SUCCEEDED)
    seen = endpoint.deliveries.filter(pk__in=latest).aggregate(
        succeeded=Count("pk", filter=told),
        decided=Count("pk", filter=Q(attempts__gt=0)),
        given_up=Count("pk", filter=Q(state=Delivery.State.GIVEN_UP)),
    )
    success = DeliveryAttempt.objects.filter(delivery__in=latest, error="").aggregate(at=Max("at"))
    due = endpoint.deliveries.filter(next_attempt_at__isnull=False)
    waiting = due.aggregate(number=Count("pk"), oldest=Min("created_at"))
    return Health(last_success_at=success["at"], backlog=waiting["number"], oldest=waiting["oldest"], **seen)


@dataclass(frozen=True)
class Lag:
    """What the relay has not fanned out yet. Seconds old at most, or no relay is at work."""

    events: int
    oldest: datetime | None


def relay_lag() -> Lag:
    """The oldest is the one with the lowest id: near enough, and found without reading the events."""
    waiting = OutboxEntry.objects.aggregate(events=Count("pk"), first=Min("pk"))
    oldest = Event.objects.filter(pk=waiting["first"]).values_list("created_at", flat=True).first()
    return Lag(waiting["events"], oldest)


def events_of_type(pattern: str) -> dict[str, Any]:
    """A lookup for one type, or for a group of them, in which `*` stands for any characters."""
    if "*" not in pattern:
        return {"type": pattern}
    return {"type__regex": "^" + ".*".join(re.escape(part) for part in pattern.split("*")) + "$"}


def stream_backlog() -> tuple[int, datetime | None]:
    """How many events wait for the broker, and since when the oldest does."""
    waiting = UnpublishedEvent.objects.aggregate(count=Count("pk"), oldest=Min("event__created_at"))
    return waiting["count"], waiting["oldest"]
