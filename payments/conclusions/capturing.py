"""The end of a capture, and of a sale, which captures at once."""

from datetime import datetime, timedelta

from ledger.lines import reversed_lines
from payments import bookings
from payments.attempts import Attempt
from payments.conclusions.drafts import (
    Conclusion,
    balance_transaction,
    charge_event,
    done,
    intent_events,
    refused,
)
from payments.errors import CaptureRefused
from payments.models import BalanceTransaction
from processors.protocol import Approved, Declined, Outcome, Tombstoned


def conclude(attempt: Attempt, outcome: Outcome, now: datetime) -> Conclusion:
    operation = attempt.operation
    match outcome:
        case Approved():
            operation.succeed()
            return captured(attempt, outcome, now, event="charge.captured")
        case Declined(decline_code=decline_code):
            operation.decline()
            return _refused(attempt, decline_code)
        case Tombstoned():
            operation.abandon()
            return _refused(attempt, "unknown")
        case _:
            raise ValueError(f"a capture can not end by {outcome!r}")


def captured(attempt: Attempt, outcome: Approved, now: datetime, *, event: str) -> Conclusion:
    """The money is taken, with the authorization or after it."""
    charge, amount_minor = attempt.charge, outcome.amount_minor
    at_once = outcome.available_at_once and not attempt.holds_reserve
    charge.capture()
    late = charge.late_of_id is not None
    if not late:
        attempt.intent.succeed()
    charge.captured_minor = amount_minor
    charge.next_look_at = None
    # Money that came after its payment's end goes back whole: nobody is charged for it.
    charge.fee_minor = (
        0
        if late
        else attempt.fees.fee(
            amount_minor,
            currency=charge.currency,
            card_brand=charge.card_brand,
            card_country=charge.card_country,
        )
    )
    balance = balance_transaction(
        attempt,
        BalanceTransaction.Type.CHARGE,
        charge.public_id,
        amount_minor,
        available=at_once,
        fee_minor=charge.fee_minor,
    )
    days = 0 if outcome.available_at_once else attempt.settlement_days
    balance.available_on = now + timedelta(days=days)
    charge.balance_transaction = balance.public_id
    told = charge_event(attempt, event)
    return Conclusion(
        kind="charge.captured",
        reason="",
        booking=bookings.sale_confirmed(attempt.money, fee_minor=charge.fee_minor, available=at_once),
        booking_kind="sale_confirmed",
        balance=balance,
        answer=done(attempt, told),
        events=[told, *intent_events(attempt, "succeeded")],
    )


def _refused(attempt: Attempt, why: str) -> Conclusion:
    """The processor will not capture; the authorization stays as it is."""
    error = CaptureRefused(f"The processor refused to capture {attempt.charge.public_id} ({why}).")
    return Conclusion(
        kind="capture.declined",
        reason=why,
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        answer=refused(attempt, error),
    )
