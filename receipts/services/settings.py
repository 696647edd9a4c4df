"""What merchants want of receipts, and what staff do about one that failed."""

from collections.abc import Iterable

from django.utils import timezone

from core.db import in_transaction
from receipts.models import Receipt, ReceiptSetting
from webhooks.queries import Watermark


@in_transaction
def want_receipts(merchant_id: int, *, enabled: bool, language: str, test_mode: bool) -> ReceiptSetting:
    """From now on: what was paid while receipts were off stays without one."""
    setting, _ = ReceiptSetting.objects.get_or_create(merchant_id=merchant_id)
    setting = ReceiptSetting.objects.select_for_update(no_key=True).get(pk=setting.pk)
    if enabled and not setting.enabled:
        ReceiptSetting.objects.filter(pk=setting.pk).update(position=Watermark())
        setting.refresh_from_db()
    setting.enabled, setting.language, setting.test_mode = enabled, language, test_mode
    setting.save(update_fields=["enabled", "language", "test_mode"])
    return setting


def send_again(receipt_ids: Iterable[int]) -> int:
    """Makes failed receipts due, on the whole schedule; how many."""
    failed = Receipt.objects.filter(pk__in=list(receipt_ids), state=Receipt.State.FAILED)
    return failed.update(
        state=Receipt.State.PENDING,
        next_attempt_at=timezone.now(),
        give_up_at=None,
        lease_until=None,
        failures=0,
    )
