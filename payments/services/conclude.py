"""Decides what an outcome means for a payment: states, bookings, events, the answer. Changes the rows in memory
only; `finish.py` writes them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from core.errors import TollgateError
from idempotency.keys import Answer
from ledger.lines import Line, reversed_lines
from payments import bookings, serializers
from payments.attempts import Attempt
from payments.errors import CaptureRefused, CardDeclined, TokenAlreadyUsed, decline_message, failure_code
from payments.fees import fee
from payments.models import BalanceTransaction, Operation
from processors.protocol import ActionRequired, Approved, Declined, NotSent, Outcome, Tombstoned, Unknown


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event to record with the change: the object's snapshot, and what changed in it where that is told."""

    type: str
    object_id: str
    data: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


@dataclass(slots=True)
class Conclusion:
    """All that one outcome leads to, besides the states that the attempt's rows now hold."""

    kind: str
    reason: str
    booking: list[Line]
    booking_kind: str
    answer: Answer
    reverses_start: bool = False
    balance: BalanceTransaction | None = None
    events: list[EventDraft] = field(default_factory=list)


def conclude(
    attempt: Attempt,
    outcome: Outcome,
    *,
    now: datetime,
    refunded_minor: int = 0,
    sale_available_on: datetime | None = None,
) -> Conclusion:
    """Moves the attempt's rows to where the outcome takes them and says what must be written besides.

    For refunds: `refunded_minor` is what the charge's others took, `sale_available_on` the day of the money that
    goes back. The outcome must be final: Unknown is for `doubt`.
    """
    operation = attempt.operation
    operation.next_attempt_at = None
    operation.finished_at = now
    operation.answer = dict(getattr(outcome, "raw", {})) or None
    match operation.kind, outcome:
        case ((Operation.Kind.SALE | Operation.Kind.AUTHORIZE), Approved()):
            return _approved(attempt, outcome, now)
        case ((Operation.Kind.SALE | Operation.Kind.AUTHORIZE), Declined()):
            operation.decline()
            attempt.charge.card_checks = attempt.charge.card_checks | dict(outcome.checks)
            return _failed(attempt, "charge.declined", outcome.decline_code)
        case ((Operation.Kind.SALE | Operation.Kind.AUTHORIZE), ActionRequired()):
            operation.decline()
            return _failed(attempt, "charge.authentication_required", "authentication_required")
        case ((Operation.Kind.SALE | Operation.Kind.AUTHORIZE), (NotSent() | Tombstoned())):
            operation.abandon()
            return _failed(attempt, "charge.not_sent", "", not_sent=outcome)
        case Operation.Kind.CAPTURE, Approved():
            operation.succeed()
            return _captured(attempt, outcome.amount_minor, now, event="charge.captured")
        case Operation.Kind.CAPTURE, Declined(decline_code=decline_code):
            operation.decline()
            return _capture_refused(attempt, decline_code)
        case Operation.Kind.CAPTURE, Tombstoned():
            operation.abandon()
            return _capture_refused(attempt, "unknown")
        case Operation.Kind.REFUND, Approved():
            return _refunded(attempt, outcome, refunded_minor, max(now, sale_available_on or now))
        case Operation.Kind.REFUND, Declined():
            operation.decline()
            return _refund_failed(attempt, outcome.decline_code)
        case Operation.Kind.REFUND, Tombstoned():
            operation.abandon()
            return _refund_failed(attempt, "unknown")
        case _:
            raise ValueError(f"{operation.kind} can not end by {outcome!r}")


def is_final(attempt: Attempt, outcome: Outcome) -> bool:
    """Whether an outcome closes the operation.

    A call that never left us closes a charge only while nobody else has taken the operation over: theirs may
    have left. Captures and refunds are sent again, not given up. A confirmation of another amount is a matter
    for a person.
    """
    match outcome:
        case Unknown():
            return False
        case NotSent():
            return attempt.operation.takes_money_of_card and attempt.operation.attempts == 0
        case Approved():
            return outcome.amount_minor == attempt.operation.amount_minor
        case _:
            return True


def pending_answer(attempt: Attempt) -> Answer:
    """What a client is told while the outcome is open. It is not kept: a retry asks again."""
    shown = (
        serializers.refund(attempt.refund)
        if attempt.refund is not None
        else serializers.charge(attempt.charge)
    )
    return Answer(200, _json(shown), final=False)


def _approved(attempt: Attempt, outcome: Approved, now: datetime) -> Conclusion:
    operation, charge, intent = attempt.operation, attempt.charge, attempt.intent
    operation.succeed()
    charge.processor_id = outcome.processor_id
    charge.authorization_code = outcome.authorization_code
    charge.network_transaction_id = outcome.network_transaction_id
    charge.card_checks = charge.card_checks | dict(outcome.checks)
    if operation.kind == Operation.Kind.SALE:
        return _captured(attempt, outcome.amount_minor, now, event="charge.succeeded")
    charge.authorize()
    intent.hold()
    shown = serializers.charge(charge)
    return Conclusion(
        kind="charge.authorized",
        reason="",
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        answer=Answer(200, _json(shown)),
        events=[EventDraft("charge.succeeded", charge.public_id, shown)],
    )


def _captured(attempt: Attempt, amount_minor: int, now: datetime, *, event: str) -> Conclusion:
    """The money is taken, with the authorization or after it."""
    charge = attempt.charge
    charge.capture()
    attempt.intent.succeed()
    charge.captured_minor = amount_minor
    charge.fee_minor = fee(
        amount_minor, basis_points=attempt.fee_basis_points, fixed_minor=attempt.fee_fixed_minor
    )
    balance = _balance(
        attempt, BalanceTransaction.Type.CHARGE, charge.public_id, amount_minor, charge.fee_minor
    )
    balance.available_on = now + timedelta(days=attempt.settlement_days)
    charge.balance_transaction = balance.public_id
    shown = serializers.charge(charge)
    return Conclusion(
        kind="charge.captured",
        reason="",
        booking=bookings.sale_confirmed(attempt.money, fee_minor=charge.fee_minor),
        booking_kind="sale_confirmed",
        balance=balance,
        answer=Answer(200, _json(shown)),
        events=[EventDraft(event, charge.public_id, shown)],
    )


def _capture_refused(attempt: Attempt, why: str) -> Conclusion:
    """The processor will not capture; the authorization stays as it is."""
    error = CaptureRefused(f"The processor refused to capture {attempt.charge.public_id} ({why}).")
    return Conclusion(
        kind="capture.declined",
        reason=why,
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        answer=Answer(error.status, _json(error.body())),
    )


def _failed(
    attempt: Attempt, kind: str, decline_code: str, *, not_sent: NotSent | Tombstoned | None = None
) -> Conclusion:
    """The charge comes to nothing: a decline, or (without a decline code) a call that was never made."""
    charge, intent = attempt.charge, attempt.intent
    charge.decline()
    intent.fail()
    charge.decline_code = decline_code
    charge.failure_code = failure_code(decline_code) if decline_code else "processing_error"
    charge.failure_message = decline_message(decline_code or "processing_error")
    error: TollgateError = CardDeclined(
        charge=charge.public_id,
        code=charge.failure_code,
        decline_code=charge.decline_code,
        message=charge.failure_message,
    )
    reason = charge.failure_message
    if isinstance(not_sent, NotSent):
        reason = not_sent.reason
        if not_sent.code == "token_already_used":
            error = TokenAlreadyUsed(charge.source)
    elif not_sent is not None:
        reason = "The processor refuses our reference from now on; nothing was taken."
    shown = serializers.charge(charge)
    return Conclusion(
        kind=kind,
        reason=reason,
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        answer=Answer(error.status, _json(error.body())),
        events=[EventDraft("charge.failed", charge.public_id, shown)],
    )


def _refunded(attempt: Attempt, outcome: Approved, refunded_minor: int, available_on: datetime) -> Conclusion:
    operation, charge, refund = attempt.operation, attempt.charge, attempt.refund
    assert refund is not None
    operation.succeed()
    refund.succeed()
    refund.processor_id = outcome.processor_id
    balance = _balance(
        attempt, BalanceTransaction.Type.REFUND, refund.public_id, -refund.amount_minor, fee_minor=0
    )
    # Not before the sale that it takes back: the merchant never owes what has not become available.
    balance.available_on = available_on
    refund.balance_transaction = balance.public_id
    shown = serializers.refund(refund)
    snapshot = serializers.charge(charge, refunded_minor=refunded_minor + refund.amount_minor)
    before = {"amount_refunded": refunded_minor}
    if snapshot["refunded"]:
        before["refunded"] = False
    return Conclusion(
        kind="refund.succeeded",
        reason="",
        booking=bookings.refund_confirmed(attempt.money),
        booking_kind="refund_confirmed",
        balance=balance,
        answer=Answer(200, _json(shown)),
        events=[
            EventDraft("refund.updated", refund.public_id, shown, {"status": "pending"}),
            EventDraft("charge.refunded", charge.public_id, snapshot, before),
        ],
    )


def _refund_failed(attempt: Attempt, why: str) -> Conclusion:
    refund = attempt.refund
    assert refund is not None
    refund.fail()
    refund.failure_reason = why
    shown = serializers.refund(refund)
    return Conclusion(
        kind="refund.failed",
        reason=why,
        booking=reversed_lines(bookings.refund_started(attempt.money)),
        booking_kind="refund_reversed",
        reverses_start=True,
        answer=Answer(200, _json(shown)),
        events=[EventDraft("refund.failed", refund.public_id, shown, {"status": "pending"})],
    )


def _balance(
    attempt: Attempt, type: str, source: str, amount_minor: int, fee_minor: int
) -> BalanceTransaction:
    return BalanceTransaction(
        merchant_id=attempt.charge.merchant_id,
        livemode=attempt.charge.livemode,
        type=type,
        source=source,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        currency=attempt.operation.currency,
        ledger_reference=attempt.finish_reference,
    )


def _json(shown: dict[str, Any]) -> str:
    return msgspec.json.encode(shown).decode()
