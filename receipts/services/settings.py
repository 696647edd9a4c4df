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
    """Makes receipts that failed or came back due, on the whole schedule; how many."""
    back = [Receipt.State.FAILED, Receipt.State.BOUNCED]
    failed = Receipt.objects.filter(pk__in=list(receipt_ids), state__in=back)
    return failed.update(
        state=Receipt.State.PENDING,
        sent_at=None,
        next_attempt_at=timezone.now(),
        give_up_at=None,
        lease_until=None,
        failures=0,
    )
