"""The end of sending a payout; and what becomes of it afterwards."""

from datetime import datetime, timedelta
from typing import Any

from ledger.lines import Line, reversed_lines
from payments import bookings, serializers
from payments.attempts import PayoutAttempt
from payments.conclusions.drafts import Conclusion, EventDraft, changed, done
from payments.models import BalanceTransaction, Payout
from processors.protocol import Approved, Arrived, Declined, Failed, Outcome, Tombstoned

# Banks send money back for some days after it has arrived.
RETURNS = timedelta(days=5)
FIRST_LOOK = timedelta(seconds=30)


def conclude(attempt: PayoutAttempt, outcome: Outcome, now: datetime) -> Conclusion:
    operation, payout = attempt.operation, attempt.payout
    match outcome:
        case Approved():
            operation.succeed()
            return _taken_in(attempt, outcome.processor_id, now)
        case Arrived():
            operation.succeed()
            payout.processor_id = outcome.processor_id
            return arrived(attempt, now)
        case Declined(decline_code=why):
            operation.decline()
            return came_back(attempt, why, now, reference=attempt.finish_reference)
        case Failed(reason=why):
            operation.succeed()
            payout.processor_id = outcome.processor_id
            return came_back(attempt, why, now, reference=attempt.finish_reference)
        case Tombstoned():
            operation.abandon()
            return came_back(attempt, "could_not_process", now, reference=attempt.finish_reference)
        case _:
            raise ValueError(f"a payout can not end by {outcome!r}")


def arrived(attempt: PayoutAttempt, now: datetime) -> Conclusion:
    """The merchant has it."""
    payout = attempt.payout
    payout.pay()
    payout.next_look_at = next_look(payout, now)
    return Conclusion(
        kind="payout.paid",
        reason="",
        booking=bookings.payout_paid(attempt.money),
        booking_kind="payout_paid",
        answer=done(attempt),
        events=_told(attempt, "payout.paid"),
    )


def came_back(attempt: PayoutAttempt, why: str, now: datetime, *, reference: str) -> Conclusion:
    """It never arrived, or the merchant's bank sent it back: it can be paid out anew."""
    payout = attempt.payout
    returned = payout.state == Payout.State.PAID
    payout.fail()
    payout.failure_code = why
    payout.next_look_at = None
    balance = balance_of(
        attempt, BalanceTransaction.Type.PAYOUT_FAILURE, payout.amount_minor, now, reference=reference
    )
    payout.failure_balance_transaction = balance.public_id
    lines = bookings.payout_returned(attempt.money) if returned else _back(attempt)
    return Conclusion(
        kind="payout.returned" if returned else "payout.failed",
        reason=why,
        booking=lines,
        booking_kind="payout_returned" if returned else "payout_reversed",
        reverses_start=not returned,
        balance=balance,
        answer=done(attempt),
        events=_told(attempt, "payout.failed"),
    )


def canceled(attempt: PayoutAttempt, now: datetime, reason: str = "") -> Conclusion:
    """Called back before anybody was asked to send it."""
    operation, payout = attempt.operation, attempt.payout
    operation.abandon()
    operation.next_attempt_at, operation.finished_at = None, now
    payout.cancel()
    balance = balance_of(
        attempt,
        BalanceTransaction.Type.PAYOUT_CANCEL,
        payout.amount_minor,
        now,
        reference=attempt.finish_reference,
    )
    payout.failure_balance_transaction = balance.public_id
    return Conclusion(
        kind="payout.canceled",
        reason=reason,
        booking=_back(attempt),
        booking_kind="payout_reversed",
        reverses_start=True,
        balance=balance,
        answer=done(attempt),
        events=_told(attempt, "payout.canceled"),
    )


def next_look(payout: Payout, now: datetime) -> datetime | None:
    """When to ask about it again: after as long as it has lasted; None once no bank would send it back."""
    lasted = now - payout.created_at
    if payout.state == Payout.State.PAID and lasted > RETURNS:
        return None
    return now + min(max(lasted, FIRST_LOOK), timedelta(hours=6))


def balance_of(
    attempt: PayoutAttempt, type: str, amount_minor: int, on: datetime, *, reference: str
) -> BalanceTransaction:
    """The merchant's view of it: it is available, or gone, at once."""
    payout = attempt.payout
    return BalanceTransaction(
        merchant_id=payout.merchant_id,
        livemode=payout.livemode,
        type=type,
        source=payout.public_id,
        state=BalanceTransaction.State.AVAILABLE,
        amount_minor=amount_minor,
        currency=payout.currency,
        available_on=on,
        ledger_reference=reference,
    )


def _taken_in(attempt: PayoutAttempt, processor_id: str, now: datetime) -> Conclusion:
    payout = attempt.payout
    before = serializers.payout(payout)
    payout.send()
    payout.processor_id = processor_id
    payout.next_look_at = now + FIRST_LOOK
    return Conclusion(
        kind="payout.sent",
        reason="",
        answer=done(attempt),
        events=_told(attempt, "payout.updated", before),
    )


def _back(attempt: PayoutAttempt) -> list[Line]:
    return reversed_lines(bookings.payout_started(attempt.money))


def _told(attempt: PayoutAttempt, type: str, before: dict[str, Any] | None = None) -> list[EventDraft]:
    snapshot = serializers.payout(attempt.payout)
    previous = None if before is None else changed(before, snapshot)
    return [EventDraft(type, attempt.payout.public_id, snapshot, previous)]
