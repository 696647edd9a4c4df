"""Records what happened, for everyone who wants to hear of it."""

from typing import Any

from django.db import connection

from webhooks.event_types import EVENT_TYPES
from webhooks.models import Event, OutboxEntry


def record_event(
    *,
    merchant_id: int,
    livemode: bool,
    type: str,
    object_id: str,
    data: dict[str, Any],
    previous_attributes: dict[str, Any] | None = None,
    request_id: str = "",
    idempotency_key: str = "",
) -> Event:
    """The event, in the caller's transaction: it exists if and only if the change it tells of is committed.

    `data` is the object as the API shows it now. The caller has made the object or holds its lock: of two that
    give the next number to events of one object at once, PostgreSQL refuses one. After the commit,
    `webhooks.kick.kick()` saves a second.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an event belongs to the transaction of its change")
    if type not in EVENT_TYPES:
        raise ValueError(f"{type} is not among webhooks.event_types.EVENT_TYPES")
    event = Event.objects.create(
        merchant_id=merchant_id,
        livemode=livemode,
        type=type,
        object_id=object_id,
        data=data,
        previous_attributes=previous_attributes,
        request_id=request_id,
        idempotency_key=idempotency_key,
    )
    OutboxEntry.objects.create(event=event)
    return event
