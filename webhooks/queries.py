"""What a merchant may see of events and endpoints, in one mode."""

import re
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from webhooks.models import Delivery, Event, WebhookEndpoint


def events(merchant_id: int, *, livemode: bool) -> QuerySet[Event]:
    """With `pending_webhooks`, the number of endpoints not told yet, and `undelivered`: some missed it."""
    pending = (
        Delivery.objects.filter(event=OuterRef("pk"), state=Delivery.State.PENDING)
        .values("event")
        .annotate(number=Count("pk"))
        .values("number")
    )
    missed = Delivery.objects.filter(event=OuterRef("pk")).exclude(state=Delivery.State.SUCCEEDED)
    return Event.objects.filter(merchant_id=merchant_id, livemode=livemode).annotate(
        pending_webhooks=Coalesce(Subquery(pending), 0),
        undelivered=Exists(missed),
    )


def endpoints(merchant_id: int, *, livemode: bool) -> QuerySet[WebhookEndpoint]:
    """Deleted ones are no longer there."""
    return WebhookEndpoint.objects.filter(merchant_id=merchant_id, livemode=livemode).exclude(
        state=WebhookEndpoint.State.DELETED
    )


def events_of_type(pattern: str) -> dict[str, Any]:
    """A lookup for one type, or for a group of them, in which `*` stands for any characters."""
    if "*" not in pattern:
        return {"type": pattern}
    return {"type__regex": "^" + ".*".join(re.escape(part) for part in pattern.split("*")) + "$"}
