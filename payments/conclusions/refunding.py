"""The end of a refund; and its second end, when the cardholder's bank sends the money back."""

from datetime import datetime

from ledger.lines import reversed_lines
from payments import bookings, serializers
from payments.attempts import Attempt
from payments.conclusions.drafts import Conclusion, EventDraft, balance_transaction, changed, done
from payments.models import BalanceTransaction, Refund
from processors.protocol import Approved, Declined, Failed, Outcome, Tombstoned


def conclude(attempt: Attempt, outcome: Outcome, refunded_minor: int, available_on: datetime) -> Conclusion:
    operation = attempt.operation
    match outcome:
        case Approved():
            operation.succeed()
            return _refunded(attempt, outcome, refunded_minor, available_on)
        case Declined(decline_code=why) | Failed(reason=why):
            operation.decline()
            return _failed(attempt, why)
        case Tombstoned():
            operation.abandon()
            return _failed(attempt, "unknown")
        case _:
            raise ValueError(f"a refund can not end by {outcome!r}")


def came_back(
    attempt: Attempt, outcome: Failed, refunded_minor: int, available_on: datetime, *, to_available: bool
) -> Conclusion:
    """A refund that had succeeded fails after all: the money is with the merchant again.

    `refunded_minor` is what the charge's refunds took until now, this one included; it goes back to where its
    sale stands.
    """
    charge, refund = attempt.charge, _refund(attempt)
    was = serializers.refund(refund)
    refund.fail()
    refund.failure_reason = outcome.reason
    reference = f"{attempt.operation.public_id}:returned"
    balance = balance_transaction(
        attempt,
        BalanceTransaction.Type.REFUND_FAILURE,
        refund.public_id,
        refund.amount_minor,
        available=to_available,
        reference=reference,
    )
    balance.available_on = available_on
    refund.failure_balance_transaction = balance.public_id
    shown = serializers.refund(refund)
    before = serializers.charge(charge, refunded_minor=refunded_minor)
    snapshot = serializers.charge(charge, refunded_minor=refunded_minor - refund.amount_minor)
    return Conclusion(
        kind="refund.returned",
        reason=outcome.reason,
        booking=bookings.refund_returned(attempt.money, to_available=to_available),
        booking_kind="refund_returned",
        balance=balance,
        answer=done(attempt),
        events=[
            EventDraft("refund.failed", refund.public_id, shown, changed(was, shown)),
            EventDraft("charge.refund.updated", refund.public_id, shown, changed(was, shown)),
            EventDraft("charge.updated", charge.public_id, snapshot, changed(before, snapshot)),
        ],
    )


def _refunded(attempt: Attempt, outcome: Approved, refunded_minor: int, available_on: datetime) -> Conclusion:
    charge, refund = attempt.charge, _refund(attempt)
    was = serializers.refund(refund)
    refund.succeed()
    refund.processor_id = outcome.processor_id
    balance = balance_transaction(
        attempt,
        BalanceTransaction.Type.REFUND,
        refund.public_id,
        -refund.amount_minor,
        available=refund.from_available,
    )
    # Not before the sale that it takes back: the merchant never owes what has not become available.
    balance.available_on = available_on
    refund.balance_transaction = balance.public_id
    shown = serializers.refund(refund)
    snapshot = serializers.charge(charge, refunded_minor=refunded_minor + refund.amount_minor)
    before = serializers.charge(charge, refunded_minor=refunded_minor)
    return Conclusion(
        kind="refund.succeeded",
        reason="",
        booking=bookings.refund_confirmed(attempt.money),
        booking_kind="refund_confirmed",
        balance=balance,
        answer=done(attempt),
        events=[
            EventDraft("refund.updated", refund.public_id, shown, changed(was, shown)),
            EventDraft("charge.refunded", charge.public_id, snapshot, changed(before, snapshot)),
        ],
    )


def _failed(attempt: Attempt, why: str) -> Conclusion:
    refund = _refund(attempt)
    was = serializers.refund(refund)
    refund.fail()
    refund.failure_reason = why
    shown = serializers.refund(refund)
    return Conclusion(
        kind="refund.failed",
        reason=why,
        booking=reversed_lines(bookings.refund_started(attempt.money, from_available=refund.from_available)),
        booking_kind="refund_reversed",
        reverses_start=True,
        answer=done(attempt),
        events=[EventDraft("refund.failed", refund.public_id, shown, changed(was, shown))],
    )


def _refund(attempt: Attempt) -> Refund:
    assert attempt.refund is not None
    return attempt.refund
