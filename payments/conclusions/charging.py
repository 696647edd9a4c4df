"""The end of asking for a card's money: at once, or after the cardholder's challenge."""

from datetime import datetime, timedelta

from django.conf import settings

from core.errors import TollgateError
from core.ids import new_id
from ledger.lines import reversed_lines
from payments import bookings
from payments.attempts import Attempt
from payments.conclusions.capturing import captured
from payments.conclusions.drafts import Conclusion, charge_event, done, intent_events, refused
from payments.errors import CardDeclined, TokenAlreadyUsed, decline_message, failure_code
from payments.models import Operation
from payments.serializers import failed_method
from processors.protocol import ActionRequired, Approved, Declined, NotSent, Outcome, Tombstoned
from risk.models import Verdict

# A cardholder who is challenged mostly answers within a minute or two.
FIRST_CHALLENGE_LOOK_SECONDS = 60


def conclude(attempt: Attempt, outcome: Outcome, now: datetime) -> Conclusion:
    operation, charge = attempt.operation, attempt.charge
    match outcome:
        case Approved():
            return _approved(attempt, outcome, now)
        case Declined():
            operation.decline()
            charge.card_checks = charge.card_checks | dict(outcome.checks)
            return failed(attempt, "charge.declined", outcome.decline_code)
        case ActionRequired() if _may_challenge(attempt):
            return _challenged(attempt, outcome, now)
        case ActionRequired():
            operation.decline()
            return failed(attempt, "charge.authentication_required", "authentication_required")
        case NotSent() | Tombstoned():
            operation.abandon()
            return failed(attempt, "charge.not_sent", "", not_sent=outcome)
        case _:
            raise ValueError(f"{operation.kind} can not end by {outcome!r}")


def failed(
    attempt: Attempt, kind: str, decline_code: str, *, not_sent: NotSent | Tombstoned | None = None
) -> Conclusion:
    """The charge comes to nothing: a decline, or (without a decline code) a call that was never made."""
    charge, intent = attempt.charge, attempt.intent
    charge.decline()
    intent.fail()
    charge.next_look_at = None
    charge.decline_code = decline_code
    charge.failure_code = failure_code(decline_code) if decline_code else "processing_error"
    charge.failure_message = decline_message(decline_code or "processing_error")
    error: TollgateError = CardDeclined(
        charge=charge.public_id,
        code=charge.failure_code,
        decline_code=charge.decline_code,
        message=charge.failure_message,
    )
    if attempt.operation.shows == Operation.Shows.INTENT:
        error.details["payment_method"] = failed_method(charge)
    reason = charge.failure_message
    if isinstance(not_sent, NotSent):
        reason = not_sent.reason
        if not_sent.code == "token_already_used":
            shows_intent = attempt.operation.shows == Operation.Shows.INTENT
            error = TokenAlreadyUsed(charge.source, param="payment_method" if shows_intent else "source")
    elif not_sent is not None:
        reason = "The processor refuses our reference from now on; nothing was taken."
    return Conclusion(
        kind=kind,
        reason=reason,
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        answer=refused(attempt, error),
        events=[charge_event(attempt, "charge.failed"), *intent_events(attempt, "payment_failed")],
    )


def _approved(attempt: Attempt, outcome: Approved, now: datetime) -> Conclusion:
    charge, intent = attempt.charge, attempt.intent
    attempt.operation.succeed()
    charge.processor_id = outcome.processor_id
    charge.authorization_code = outcome.authorization_code
    charge.network_transaction_id = outcome.network_transaction_id
    charge.card_checks = charge.card_checks | dict(outcome.checks)
    if attempt.operation.kind == Operation.Kind.SALE or (
        attempt.operation.kind == Operation.Kind.COMPLETE and charge.takes_at_once
    ):
        return captured(attempt, outcome, now, event="charge.succeeded")
    charge.authorize()
    charge.capture_before = charge.next_look_at = now + timedelta(days=settings.AUTHORIZATION_DAYS)
    if charge.late_of_id is None:
        intent.hold()
    reviewed = charge.effective == Verdict.REVIEW and charge.late_of_id is None
    if reviewed:
        charge.review = new_id("prv")
    told = charge_event(attempt, "charge.succeeded")
    return Conclusion(
        kind="charge.authorized",
        reason="",
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        answer=done(attempt, told),
        opens_review=reviewed,
        events=[told, *intent_events(attempt, "amount_capturable_updated")],
    )


def _may_challenge(attempt: Attempt) -> bool:
    """POST /v1/charges has no way to send a cardholder anywhere, and some merchants ask for none."""
    return not attempt.intent.implicit and not attempt.intent.options.get("error_on_requires_action")


def _challenged(attempt: Attempt, outcome: ActionRequired, now: datetime) -> Conclusion:
    """The cardholder must prove who they are; or has not yet, when asked about it again."""
    operation, charge, intent = attempt.operation, attempt.charge, attempt.intent
    operation.hand_over()
    first = charge.action_until is None
    charge.ask()
    intent.ask()
    charge.processor_id = outcome.processor_id
    if outcome.redirect_url:
        charge.redirect_url = outcome.redirect_url
    if charge.action_until is None:
        charge.action_until = now + timedelta(seconds=settings.CHALLENGE_SECONDS)
    charge.next_look_at = min(now + timedelta(seconds=FIRST_CHALLENGE_LOOK_SECONDS), charge.action_until)
    return Conclusion(
        kind="charge.challenged" if first else "challenge.open",
        reason="" if first else "The cardholder has not answered the challenge yet.",
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        answer=done(attempt),
        events=intent_events(attempt, "requires_action") if first else [],
    )
