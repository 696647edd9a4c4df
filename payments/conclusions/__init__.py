"""What an outcome means for a payment: states, bookings, events, the answer. Changes the rows in memory only;
`services/finish.py` writes them."""

from datetime import datetime

from payments.attempts import Attempt, PayoutAttempt, Undertaking
from payments.conclusions import capturing, charging, paying_out, refunding, voiding
from payments.conclusions.drafts import Conclusion
from payments.models import Operation
from processors.protocol import (
    ActionRequired,
    Approved,
    Arrived,
    Declined,
    Failed,
    NotSent,
    Outcome,
    Pending,
    Tombstoned,
    Unknown,
)


def conclude(
    attempt: Undertaking,
    outcome: Outcome,
    *,
    now: datetime,
    refunded_minor: int = 0,
    sale_available_on: datetime | None = None,
) -> Conclusion:
    """Moves the attempt's rows to where the outcome takes them and says what must be written besides.

    For refunds: `refunded_minor` is what the charge's others took, `sale_available_on` the day of the money that
    goes back. The outcome must be final, as `is_final` says.
    """
    operation = attempt.operation
    operation.next_attempt_at = None
    operation.finished_at = now
    operation.answer = dict(getattr(outcome, "raw", {})) or None
    if isinstance(attempt, PayoutAttempt):
        return paying_out.conclude(attempt, outcome, now)
    assert isinstance(attempt, Attempt)
    match operation.kind:
        case Operation.Kind.SALE | Operation.Kind.AUTHORIZE | Operation.Kind.COMPLETE:
            return charging.conclude(attempt, outcome, now)
        case Operation.Kind.CAPTURE:
            return capturing.conclude(attempt, outcome, now)
        case Operation.Kind.VOID:
            return voiding.conclude(attempt, outcome, now)
        case Operation.Kind.REFUND:
            available_on = max(now, sale_available_on or now)
            return refunding.conclude(attempt, outcome, refunded_minor, available_on)
        case _:
            raise ValueError(f"no such kind of operation: {operation.kind}")


def is_final(attempt: Undertaking, outcome: Outcome) -> bool:
    """Whether an outcome closes the operation.

    A call that never left us closes a fresh charge only while nobody else has taken the operation over: theirs
    may have left. All else is sent again, not given up. A confirmation of another amount is a matter for a person.
    """
    operation = attempt.operation
    match outcome:
        case Unknown() | Pending():
            return False
        case NotSent():
            return operation.takes_money_of_card and operation.attempts == 0
        case Approved():
            return outcome.amount_minor == operation.amount_minor or operation.kind == Operation.Kind.VOID
        case ActionRequired():
            return operation.takes_money_of_card or operation.kind == Operation.Kind.COMPLETE
        case Failed():
            return operation.kind in (Operation.Kind.REFUND, Operation.Kind.PAYOUT)
        case Arrived():
            return operation.kind == Operation.Kind.PAYOUT and outcome.amount_minor == operation.amount_minor
        case Declined() | Tombstoned():
            return True
