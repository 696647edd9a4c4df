"""What webhooks are measured against: one Celery task for each delivery, as most projects write it."""

import time

import msgspec
import urllib3
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from webhooks.models import Delivery, DeliveryAttempt
from webhooks.sender import TIMEOUT_SECONDS
from webhooks.serializers import event as shown
from webhooks.signature import headers

# Kept-alive connections, as a careful project has them.
_http = urllib3.PoolManager(maxsize=10, retries=False)


@shared_task(name="bench.deliver_one")
def deliver_one(delivery_id: int) -> None:
    delivery = Delivery.objects.select_related("event", "endpoint").get(pk=delivery_id)
    body = msgspec.json.encode(shown(delivery.event, 1))
    signed = headers(
        [delivery.endpoint.secret], body, event_id=delivery.event.public_id, unix_seconds=int(time.time())
    )
    at, started = timezone.now(), time.monotonic()
    answer = _http.request(
        "POST", delivery.endpoint.url, body=body, headers=signed, timeout=TIMEOUT_SECONDS, redirect=False
    )
    with transaction.atomic():
        delivery.state = Delivery.State.SUCCEEDED
        delivery.attempts += 1
        delivery.next_attempt_at = None
        delivery.last_status = answer.status
        delivery.save(update_fields=["state", "attempts", "next_attempt_at", "last_status"])
        DeliveryAttempt.objects.create(
            delivery=delivery,
            number=delivery.attempts,
            at=at,
            status=answer.status,
            answer=answer.data.decode()[:1_024],
            duration_ms=round((time.monotonic() - started) * 1_000),
        )
