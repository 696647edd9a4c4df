"""What is agreed with a merchant, where money moves: the ledger's limits are what the terms say at that moment."""

from collections.abc import Sequence

from core.db import in_transaction
from ledger.errors import LimitExceeded
from ledger.limits import set_limit
from ledger.lines import Line
from payments.attempts import Attempt
from payments.errors import RefundExceedsDebt
from payments.models import Terms
from payments.services.start import hold

# They may be read by many at once, but not changed by others before the transaction is over.
SHARED_LOCK = "SELECT * FROM payments_terms WHERE merchant_id = %s FOR SHARE"


def lock_terms(merchant_id: int) -> Terms:
    """The merchant's terms, made where there are none; nobody changes them before the caller's transaction ends."""
    Terms.objects.get_or_create(merchant_id=merchant_id)
    return Terms.objects.raw(SHARED_LOCK, [merchant_id])[0]


@in_transaction
def set_dispute_fee(merchant_id: int, currency: str, fee_minor: int) -> None:
    """For disputes that are opened from now on."""
    Terms.objects.get_or_create(merchant_id=merchant_id)
    terms = Terms.objects.select_for_update().get(merchant_id=merchant_id)
    terms.dispute_fees = {**terms.dispute_fees, currency: fee_minor}
    terms.save(update_fields=["dispute_fees"])


def hold_within_debt(attempt: Attempt, kind: str, lines: Sequence[Line]) -> None:
    """Books what a refund may come to, where that leaves the merchant within the debt that they may have: then all
    who refund from the same account wait for each other. RefundExceedsDebt. Disputes are of another kind."""
    operation = attempt.operation
    terms = next(iter(Terms.objects.raw(SHARED_LOCK, [operation.merchant_id])), None)
    if terms is None:
        hold(attempt, kind, list(lines))
        return
    account = next(line.address for line in lines if line.amount_minor > 0)
    set_limit(
        account,
        operation.currency,
        livemode=operation.livemode,
        max_balance_minor=terms.debt_limit_minor,
        kind=kind,
        merchant_id=operation.merchant_id,
    )
    try:
        hold(attempt, kind, list(lines))
    except LimitExceeded as error:
        raise RefundExceedsDebt(
            asked_minor=operation.amount_minor,
            left_minor=error.left_minor,
            debt_minor=terms.debt_limit_minor or 0,
            currency=operation.currency,
        ) from error


@in_transaction
def agree_on(terms: Terms) -> None:
    """They hold from now on. Waits for payouts and refunds that go by the earlier ones."""
    terms.save()
