"""Asks staff to look at payouts that nobody else can explain, inside the transaction that found them."""

from controls.services import raise_alert, resolve_alert
from core.money import display
from payments.attempts import PayoutAttempt

UNKNOWN, OTHER_AMOUNT = "payout_unknown", "payout_amount_differs"


def tell_of_unknown(attempt: PayoutAttempt, reason: str) -> None:
    """Its bank has not told for a day what became of it. We go on asking; somebody must ask by another way."""
    payout = attempt.payout
    amount = display(payout.amount_minor, payout.currency)
    _tell(
        attempt,
        UNKNOWN,
        f"{payout.processor} has not told for a day what became of {payout.public_id}, {amount}: {reason}",
        payout.amount_minor,
    )


def now_known(attempt: PayoutAttempt) -> None:
    payout = attempt.payout
    resolve_alert(
        kind=UNKNOWN,
        subject=payout.public_id,
        actor="Tollgate",
        reason=f"Its outcome is known: {payout.get_state_display()}.",
    )


def tell_of_other_amount(attempt: PayoutAttempt, arrived_minor: int) -> None:
    """More or less arrived than we have sent. Nothing is booked: ours is what we owed, and the rest is between that
    bank and us."""
    payout = attempt.payout
    arrived, sent = (display(each, payout.currency) for each in (arrived_minor, payout.amount_minor))
    _tell(
        attempt,
        OTHER_AMOUNT,
        f"{payout.processor} says that {arrived} of {payout.public_id} arrived; we had {sent} sent.",
        arrived_minor - payout.amount_minor,
    )


def _tell(attempt: PayoutAttempt, kind: str, message: str, amount_minor: int) -> None:
    payout = attempt.payout
    raise_alert(
        kind=kind,
        subject=payout.public_id,
        message=message,
        livemode=payout.livemode,
        merchant_id=payout.merchant_id,
        currency=payout.currency,
        amount_minor=amount_minor,
        data={"operation": attempt.operation.public_id, "processor": payout.processor},
    )
