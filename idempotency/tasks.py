"""Beat's part: old keys are removed."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from idempotency.services import forget_old_keys


@shared_task(name="idempotency.forget_old_keys")
def forget_old_keys_task() -> int:
    return forget_old_keys(keep=timedelta(hours=settings.IDEMPOTENCY_KEEP_HOURS))
