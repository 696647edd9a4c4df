"""The end of giving up what is held, or a challenge that is still open. No money moves."""

from datetime import datetime
from typing import Any

from payments import serializers
from payments.attempts import Attempt
from payments.conclusions.drafts import (
    Conclusion,
    EventDraft,
    changed,
    charge_event,
    done,
    intent_events,
    refused,
)
from payments.errors import decline_message, unexpected_state
from payments.models import Charge, Operation, Refund
from processors.protocol import Approved, Declined, Outcome, Tombstoned

REASONS = {
    Operation.Cause.CANCELED: "The payment was canceled.",
    Operation.Cause.REFUNDED: "The charge was refunded before it was captured.",
    Operation.Cause.EXPIRED: "The authorization was not captured in time.",
    Operation.Cause.ABANDONED: "The cardholder did not answer the challenge in time.",
    Operation.Cause.REJECTED: "The payment was not approved by its review.",
    Operation.Cause.LATE: "The authorization came after its payment had ended.",
}
NOT_AUTHENTICATED = "payment_intent_authentication_failure"


def conclude(attempt: Attempt, outcome: Outcome, now: datetime) -> Conclusion:
    operation = attempt.operation
    match outcome, operation.cause:
        case Approved(), _:
            operation.succeed()
            return _given_up(attempt, now)
        case ((Declined() | Tombstoned()), Operation.Cause.EXPIRED):
            # Its bank let go of it by itself: nothing is held there any more.
            operation.succeed()
            return _given_up(attempt, now)
        case Declined(decline_code=why), _:
            operation.decline()
            return _refused(attempt, why)
        case Tombstoned(), _:
            operation.abandon()
            return _refused(attempt, "unknown")
        case _:
            raise ValueError(f"a void can not end by {outcome!r}")


def _given_up(attempt: Attempt, now: datetime) -> Conclusion:
    charge, intent, cause = attempt.charge, attempt.intent, attempt.operation.cause
    challenged = charge.state == Charge.State.REQUIRES_ACTION
    charge.next_look_at = None
    events: list[EventDraft] = []
    match cause:
        case Operation.Cause.ABANDONED:
            charge.decline()
            intent.fail()
            charge.failure_code = NOT_AUTHENTICATED
            charge.failure_message = decline_message(NOT_AUTHENTICATED)
            events += [charge_event(attempt, "charge.failed"), *intent_events(attempt, "payment_failed")]
        case Operation.Cause.EXPIRED:
            charge.expire()
            _cancel(attempt, "automatic", now)
            events += [charge_event(attempt, "charge.expired"), *intent_events(attempt, "canceled")]
        case _:
            before = serializers.charge(charge)
            charge.void()
            _cancel(attempt, intent.cancellation_reason, now)
            if not challenged:
                events.append(charge_event(attempt, "charge.refunded", before))
            events += intent_events(attempt, "canceled")
    if attempt.refund is not None:
        was = serializers.refund(attempt.refund)
        attempt.refund.succeed()
        events.append(_told(attempt.refund, "refund.updated", was))
    return Conclusion(
        kind=f"charge.{charge.state}",
        reason=REASONS[Operation.Cause(cause)],
        answer=done(attempt),
        events=events,
    )


def _told(refund: Refund, type: str, before: dict[str, Any]) -> EventDraft:
    shown = serializers.refund(refund)
    return EventDraft(type, refund.public_id, shown, changed(before, shown))


def _cancel(attempt: Attempt, reason: str, now: datetime) -> None:
    """Money that came late was never part of what its intent came to."""
    if attempt.charge.late_of_id is not None:
        return
    attempt.intent.cancel()
    attempt.intent.canceled_at = now
    attempt.intent.cancellation_reason = reason


def _refused(attempt: Attempt, why: str) -> Conclusion:
    """The processor does not let go of it: more was done with it than we know. It stays as it is, and is
    looked up."""
    events: list[EventDraft] = []
    if attempt.refund is not None:
        was = serializers.refund(attempt.refund)
        attempt.refund.fail()
        attempt.refund.failure_reason = why
        events.append(_told(attempt.refund, "refund.failed", was))
        answer = done(attempt)
    else:
        answer = refused(attempt, unexpected_state(attempt.intent, "canceled", why))
    return Conclusion(kind="void.declined", reason=why, answer=answer, events=events)
