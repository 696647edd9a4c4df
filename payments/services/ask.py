"""The calls to processors. Nothing is held while one runs: no transaction, no database connection."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

from core.db import release_connection
from payments import routing
from payments.addresses import return_address
from payments.attempts import Attempt, PayoutAttempt, Undertaking
from payments.models import Operation
from payments.services.breaker import note
from payments.services.timing import LOOK_TIMEOUT_SECONDS, RESEND_CHARGE_SECONDS
from processors.protocol import (
    AuthorizationRequest,
    CaptureRequest,
    CompletionRequest,
    FollowUp,
    NotFound,
    NotSent,
    Outcome,
    PayoutProcessor,
    PayoutRequest,
    Processor,
    RefundRequest,
    Unknown,
    VoidRequest,
)
from risk.models import Verdict

F = TypeVar("F", bound=FollowUp)

# The vault's words for a card that no repetition will bring back.
CARD_IS_GONE = frozenset({"resource_missing", "token_already_used", "card_unreadable"})


def ask_processor(attempt: Undertaking, *, timeout_seconds: float) -> Outcome:
    """Sends the operation, under its reference. May be repeated: the reference makes it happen once."""
    processor = routing.processor(attempt.operation.processor)
    send = _sending(processor, attempt)
    release_connection()
    outcome = send(timeout_seconds=timeout_seconds)
    note(processor.name, outcome)
    return outcome


def _sending(processor: Processor, attempt: Undertaking) -> Callable[..., Outcome]:
    """The call, with all that the rows say of it: once the connection has gone back, nothing is read any more."""
    if isinstance(attempt, PayoutAttempt):
        return partial(cast(PayoutProcessor, processor).pay_out, _payout(attempt))
    assert isinstance(attempt, Attempt)
    match attempt.operation.kind:
        case Operation.Kind.SALE | Operation.Kind.AUTHORIZE:
            return partial(processor.authorize, _authorization(attempt))
        case Operation.Kind.COMPLETE:
            return partial(processor.complete, _follow_up(CompletionRequest, attempt))
        case Operation.Kind.CAPTURE:
            return partial(processor.capture, _follow_up(CaptureRequest, attempt))
        case Operation.Kind.VOID:
            return partial(processor.void, _follow_up(VoidRequest, attempt))
        case Operation.Kind.REFUND:
            return partial(processor.refund, _follow_up(RefundRequest, attempt))
        case other:
            raise ValueError(f"no such kind of operation: {other}")


def _payout(attempt: PayoutAttempt) -> PayoutRequest:
    payout, account = attempt.payout, attempt.payout.bank_account
    return PayoutRequest(
        reference=attempt.operation.public_id,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        holder=account.holder,
        country=account.country,
        routing_number=account.routing_number,
        account_number=account.account_number,
        descriptor=payout.statement_descriptor,
    )


def _follow_up(kind: type[F], attempt: Attempt) -> F:
    operation = attempt.operation
    return kind(operation.public_id, attempt.charge.processor_id, operation.amount_minor, operation.currency)


def _authorization(attempt: Attempt) -> AuthorizationRequest:
    operation, charge = attempt.operation, attempt.charge
    return AuthorizationRequest(
        reference=operation.public_id,
        payment=attempt.intent.public_id,
        amount_minor=operation.amount_minor,
        currency=operation.currency,
        capture=operation.kind == Operation.Kind.SALE,
        token=charge.source,
        merchant=attempt.merchant,
        livemode=charge.livemode,
        descriptor=charge.statement_descriptor,
        return_url="" if attempt.intent.implicit else return_address(attempt.intent.public_id),
        three_d_secure=charge.effective == Verdict.CHALLENGE,
    )


def discover(attempt: Undertaking, *, age_seconds: float, timeout_seconds: float) -> Outcome:
    """Closes in on an open outcome, by the processor's word on our reference only: found; or the same reference
    sent again; or, for a charge that is no longer fresh, voided by reference.

    "Not found" is no answer, and neither is a repetition that never left us: the first sending may still be on
    its way.
    """
    operation = attempt.operation
    processor = routing.processor(operation.processor)
    release_connection()
    found = processor.look_up(operation.public_id, timeout_seconds=LOOK_TIMEOUT_SECONDS)
    if not isinstance(found, NotFound):
        return found
    if operation.takes_money_of_card and age_seconds > RESEND_CHARGE_SECONDS:
        return processor.void_by_reference(operation.public_id, timeout_seconds=LOOK_TIMEOUT_SECONDS)
    match ask_processor(attempt, timeout_seconds=timeout_seconds):
        case NotSent(code=code) if code in CARD_IS_GONE:
            # It can never be sent again: only a tombstone ends it.
            return processor.void_by_reference(operation.public_id, timeout_seconds=LOOK_TIMEOUT_SECONDS)
        case NotSent(reason=reason):
            return Unknown(f"could not be sent again: {reason}")
        case outcome:
            return outcome
