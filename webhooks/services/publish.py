"""Publishes events on Kafka: read under a lease, sent with no database connection held, removed once the broker has
confirmed them. A crash in between only means that they are sent again.

The lease saves work, not order: a publisher that lost it unnoticed repeats what the next one sends, and of every
object each of them sends the next events without a gap, so that the first copies stand in order whatever happens.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from controls.services import raise_alert, resolve_alert
from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from core.ids import random_text
from webhooks.models import EventStream, UnpublishedEvent
from webhooks.stream import Record, SharedStream, Stream

# Longer than a batch can take: a holder that lives does not lose it.
LEASE_SECONDS = 30.0
BATCH = 500
BUDGET_SECONDS = 20.0
RETRY_AFTER = timedelta(seconds=5)
# A broker that restarts is back by then.
ALERT_AFTER = timedelta(minutes=5)
ALERT_KIND, ALERT_SUBJECT = "event_stream_stalled", "kafka"

UNPUBLISHED = load_statement("unpublished.sql")
after_send = fault_point("webhooks.publish.after_send")
log = logging.getLogger("tollgate.stream")

_shared = SharedStream()


def publish(*, budget_seconds: float = BUDGET_SECONDS, stream: Stream | None = None) -> int:
    """Publishes until nothing is left, the broker fails, or the time is up; how many events were confirmed.

    0 at once where there is no broker, or while another publisher is at work.
    """
    if not settings.KAFKA_BOOTSTRAP_SERVERS or not _shared.using().acquire(blocking=False):
        return 0
    try:
        holder = random_text(16)
        if not UnpublishedEvent.objects.exists() or not _take_lease(holder):
            return 0
        release_connection()
        return _publish(holder, stream or _shared.get(settings.KAFKA_OPTIONS), budget_seconds)
    finally:
        _shared.using().release()


def _publish(holder: str, stream: Stream, budget_seconds: float) -> int:
    end = time.monotonic() + budget_seconds
    total = 0
    while True:
        values = {"holder": holder, "lease_seconds": LEASE_SECONDS, "batch": BATCH}
        rows = run_statement(UNPUBLISHED, values)
        if not rows or time.monotonic() > end:
            _let_go(holder)
            return total
        sent = stream.send([_record(row) for row in rows])
        after_send()
        _settle(holder, sent.confirmed, error=sent.error)
        release_connection()
        total += len(sent.confirmed)
        if sent.error:
            return total


def _record(row: Any) -> Record:
    mode = "live" if row.livemode else "test"
    return Record(
        number=row.event_id,
        topic=f"{settings.KAFKA_TOPIC_PREFIX}.{mode}.events",
        key=row.aggregateid,
        value=row.payload.encode(),
        # `id` is Debezium's name for it too.
        headers={
            "id": row.id,
            "type": row.type,
            "aggregatetype": row.aggregatetype or "",
            "sequence": str(row.sequence),
        },
    )


def _take_lease(holder: str) -> bool:
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    due = Q(retry_at=None) | Q(retry_at__lte=now)
    lease = {"holder": holder, "lease_until": now + timedelta(seconds=LEASE_SECONDS)}
    return bool(EventStream.objects.filter(free, due).update(**lease))


def _let_go(holder: str) -> None:
    EventStream.objects.filter(holder=holder).update(holder="", lease_until=None)


@in_transaction
def _settle(holder: str, confirmed: list[int], *, error: str) -> None:
    """What the broker has confirmed is done, whoever holds the lease by now."""
    UnpublishedEvent.objects.filter(pk__in=confirmed).delete()
    stream = EventStream.objects.select_for_update(no_key=True).get()
    now = timezone.now()
    if confirmed:
        stream.published_at = now
    if error:
        _note_failure(stream, error, now)
    elif stream.failing_since is not None:
        stream.failing_since, stream.retry_at, stream.last_error = None, None, ""
        resolve_alert(
            kind=ALERT_KIND,
            subject=ALERT_SUBJECT,
            actor="event stream",
            reason="The broker takes events again.",
        )
    if error and stream.holder == holder:
        stream.holder, stream.lease_until = "", None
    stream.save()


def _note_failure(stream: EventStream, error: str, now: datetime) -> None:
    log.warning("the event stream stands still: %s", error)
    stream.failing_since = stream.failing_since or now
    stream.retry_at = now + RETRY_AFTER
    stream.last_error = error[:500]
    if now - stream.failing_since >= ALERT_AFTER:
        waiting = UnpublishedEvent.objects.count()
        message = (
            f"Kafka takes no events since {stream.failing_since:%Y-%m-%d %H:%M} UTC; {waiting} wait. {error}"
        )
        raise_alert(kind=ALERT_KIND, subject=ALERT_SUBJECT, message=message[:500], data={"waiting": waiting})
