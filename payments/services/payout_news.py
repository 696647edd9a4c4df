"""What becomes of a payout after a bank has taken it in: it arrives, or comes back."""

from datetime import UTC, datetime

from payments.attempts import Actor, PayoutAttempt
from payments.conclusions import paying_out
from payments.models import Payout
from payments.services.finish import book
from payments.services.payout_alerts import tell_of_other_amount
from payments.services.records import record_of, timeline
from processors.protocol import Arrived, Failed, Outcome


def follow_payout(attempt: PayoutAttempt, said: Outcome, actor: Actor) -> None:
    """Writes what the processor says of it, inside the transaction that has locked it. Once, however often."""
    payout, now = attempt.payout, datetime.now(UTC)
    match said:
        case Arrived(amount_minor=amount) if (
            payout.state == Payout.State.IN_TRANSIT and amount == payout.amount_minor
        ):
            reference = f"{attempt.operation.public_id}:arrived"
            conclusion = paying_out.arrived(attempt, now)
        case Arrived(amount_minor=amount) if (
            payout.state in (Payout.State.IN_TRANSIT, Payout.State.PAID) and amount != payout.amount_minor
        ):
            tell_of_other_amount(attempt, amount)
            return
        case Failed(reason=why) if payout.state in (Payout.State.IN_TRANSIT, Payout.State.PAID):
            reference = f"{attempt.operation.public_id}:returned"
            conclusion = paying_out.came_back(attempt, why, now, reference=reference)
        case _:
            return
    payout.save()
    book(attempt, conclusion, reference=reference)
    timeline(attempt, conclusion.kind, actor, reason=conclusion.reason)
    for draft in conclusion.events:
        record_of(attempt.operation, draft, actor)
