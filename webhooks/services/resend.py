"""Sends deliveries once more because a person asked for it."""

from collections.abc import Iterable

from django.utils import timezone

from core.db import in_transaction
from webhooks.models import Delivery, WebhookEndpoint


@in_transaction
def resend(delivery_ids: Iterable[int]) -> int:
    """Makes the deliveries due now, whatever became of earlier attempts; how many.

    Those of endpoints that are not enabled are left alone. One that is under way goes out again afterwards.
    """
    wanted = Delivery.objects.filter(pk__in=list(delivery_ids), endpoint__state=WebhookEndpoint.State.ENABLED)
    endpoints = WebhookEndpoint.objects.filter(pk__in=wanted.values("endpoint"))
    # Their lock first: a disabling that runs beside this either is seen by the update or sees it.
    list(endpoints.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    return wanted.update(next_attempt_at=timezone.now())
