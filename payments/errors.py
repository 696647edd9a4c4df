"""What can be wrong with a payment, in the words of the wire."""

from typing import Any, TypeVar

from core.errors import InvalidRequest, TollgateError
from core.money import display
from payments.models import Charge, Operation, PaymentIntent

E = TypeVar("E", bound=TollgateError)

# What a cardholder may be told, by decline code; anything else reads as the first line.
DECLINE_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "authentication_failed": "We are unable to authenticate your payment method. "
    "Please choose a different payment method and try again.",
    "payment_intent_authentication_failure": "The cardholder did not prove who they are in time. "
    "Please choose a different payment method and try again.",
}
# Why an intent in this state can't be had for more, where the state alone does not tell.
REASONS = {
    PaymentIntent.State.PROCESSING: "The processor's word on it is awaited.",
}
# Declines whose code is a word of its own; all others are `card_declined` with a decline code.
OWN_CODES = {
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "processing_error": "processing_error",
    "authentication_required": "authentication_required",
    "authentication_failed": "payment_intent_authentication_failure",
    "payment_intent_authentication_failure": "payment_intent_authentication_failure",
}
PARAMS = {"expired_card": "exp_month", "incorrect_cvc": "cvc"}


def decline_message(decline_code: str) -> str:
    return DECLINE_MESSAGES.get(decline_code, DECLINE_MESSAGES["generic_decline"])


def failure_code(decline_code: str) -> str:
    """The `code` for a decline: `card_declined`, or the few that have a name of their own."""
    return OWN_CODES.get(decline_code, "card_declined")


class CardDeclined(TollgateError):
    """The answer to a charge that was refused; built from what the charge's row says."""

    status = 402
    type = "card_error"
    retry = False

    def __init__(self, *, charge: str, code: str, decline_code: str, message: str) -> None:
        details: dict[str, Any] = {"charge": charge}
        if decline_code:
            details["decline_code"] = decline_code
        super().__init__(message, param=PARAMS.get(code), code=code, **details)


class AmountOutOfRange(InvalidRequest):
    pass


class CardDataRefused(InvalidRequest):
    """A card number came where only tokens belong."""

    def __init__(self, param: str) -> None:
        super().__init__(
            "Raw card details are taken by POST /v1/tokens and POST /v1/payment_methods only. "
            f"Make a token there and pass its id as '{param}'.",
            param=param,
        )


class TokenAlreadyUsed(InvalidRequest):
    code = "token_already_used"

    def __init__(self, token: str, *, param: str = "source") -> None:
        super().__init__(f"You cannot use a token more than once: {token}.", param=param)


class UnexpectedState(InvalidRequest):
    """The intent is not where what was asked of it is possible."""

    code = "payment_intent_unexpected_state"
    is_result = True


def unexpected_state(
    intent: PaymentIntent, done: str, why: str = "", *, shown: dict[str, Any] | None = None
) -> UnexpectedState:
    """`done` is what can't be: "captured", "confirmed", "canceled", "updated"."""
    reason = why or REASONS.get(intent.state, "")
    error = UnexpectedState(
        f"This PaymentIntent ({intent.public_id}) could not be {done} because it has a status of {intent.state}."
        + (f" {reason}" if reason else "")
    )
    if shown:
        error.details["payment_intent"] = shown
    return not_yet(intent, error)


def not_yet(row: PaymentIntent | Charge, refusal: E) -> E:
    """The refusal, which is no result while the row is under way: in a moment the same request may do."""
    if row.state == "processing":
        refusal.is_result = False
    return refusal


class OrderTaken(InvalidRequest):
    """Another payment of the same order was made, or is under way."""

    code = "order_already_paid"
    retry = False

    def __init__(self, order: str, intent: str) -> None:
        super().__init__(
            f"Order '{order}' has a payment already: {intent} is paid, or its outcome is awaited.",
            param="order_reference",
            payment_intent_id=intent,
        )


class NoProcessor(InvalidRequest):
    """No processor is set up for what the request asks."""

    def __init__(self, *, livemode: bool) -> None:
        mode = "live" if livemode else "test"
        super().__init__(f"No processor is configured for {mode} mode, so nothing can be charged in it.")


class ProcessorGone(InvalidRequest):
    """The charge was made at a processor that is no longer configured."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The processor '{name}' of this charge is no longer set up: nothing can be sent to it."
        )


class CaptureRefused(InvalidRequest):
    """The charge holds no money that could be captured, or not that much."""

    is_result = True


class UnderReview(CaptureRefused):
    """No result: it may be approved in a moment."""

    code = "charge_under_review"
    is_result = False

    def __init__(self, charge: str, review: str) -> None:
        super().__init__(
            f"Charge {charge} is under review ({review}): it can be captured once that is approved."
        )


class ReviewClosed(InvalidRequest):
    """Somebody decided on it, or there is nothing left to decide on."""

    is_result = True

    def __init__(self, review: str, state: str) -> None:
        super().__init__(f"Review {review} is closed already: it was {state}.")


class ChargeAlreadyCaptured(CaptureRefused):
    code = "charge_already_captured"

    def __init__(self, charge: str) -> None:
        super().__init__(f"Charge {charge} has already been captured.")


class CallInProgress(TollgateError):
    """Another capture, void or completion of the charge awaits its outcome."""

    status = 409
    type = "invalid_request_error"
    code = "lock_timeout"
    retry = True

    def __init__(self, charge: str) -> None:
        super().__init__(
            f"Another capture or cancellation of {charge} awaits the processor's word. Try again in a moment."
        )


class OutcomeAwaited(InvalidRequest):
    """The call is under way still: whoever made it waits for its answer."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(
            f"{operation.public_id} may still be answered: "
            f"wait until {operation.deadline_at:%H:%M:%S} UTC, then look again."
        )


class OutcomeKnown(InvalidRequest):
    """There is nothing to find out or to decide any more."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(f"The outcome of {operation.public_id} is known: {operation.state}.")


class RefundRefused(InvalidRequest):
    """The charge is not in a state that leaves anything to refund."""

    is_result = True


class ChargeAlreadyRefunded(RefundRefused):
    code = "charge_already_refunded"

    def __init__(self, charge: str) -> None:
        super().__init__(f"Charge {charge} has already been refunded.")


class ChargeDisputed(RefundRefused):
    code = "charge_disputed"

    def __init__(self, charge: str, dispute: str) -> None:
        super().__init__(
            f"Charge {charge} is disputed ({dispute}): its cardholder has the money, or had it back already, so it "
            "can't be refunded.",
            param="charge",
        )


class DisputeRefused(InvalidRequest):
    """The dispute is not where that can be said to it."""


class DisputeClosed(DisputeRefused):
    """It was answered, or its outcome is final."""

    is_result = True


class RefundExceedsCharge(RefundRefused):
    def __init__(self, *, asked_minor: int, left_minor: int, currency: str, charge: str) -> None:
        super().__init__(
            f"Refund amount ({display(asked_minor, currency)}) is greater than unrefunded amount on "
            f"charge {charge} ({display(left_minor, currency)})",
            param="amount",
        )


class BalanceInsufficient(InvalidRequest):
    """More than the merchant has, or may owe."""

    code = "balance_insufficient"
    is_result = True


class PayoutExceedsBalance(BalanceInsufficient):
    def __init__(self, *, asked_minor: int, available_minor: int, reserve_minor: int, currency: str) -> None:
        reserve = f" {display(reserve_minor, currency)} are held in reserve." if reserve_minor else ""
        super().__init__(
            f"You have insufficient funds for a payout of {display(asked_minor, currency)}: "
            f"{display(available_minor, currency)} can be paid out now. Refunds on their way count.{reserve}",
            param="amount",
        )


class RefundExceedsDebt(BalanceInsufficient):
    def __init__(self, *, asked_minor: int, left_minor: int, debt_minor: int, currency: str) -> None:
        super().__init__(
            f"You have insufficient funds for a refund of {display(asked_minor, currency)}: "
            f"{display(max(left_minor, 0), currency)} can be refunded now, which would take what this sale's money "
            f"stands with to the {display(debt_minor, currency)} that you may owe.",
            param="amount",
        )


class ExchangeExceedsBalance(BalanceInsufficient):
    def __init__(self, *, asked_minor: int, available_minor: int, currency: str) -> None:
        super().__init__(
            f"{display(asked_minor, currency)} can't be sold: {display(available_minor, currency)} are available.",
            param="sold_minor",
        )


class NoBankAccount(InvalidRequest):
    def __init__(self, currency: str) -> None:
        super().__init__(
            f"There is no bank account for {currency.upper()} that could be paid out to.", param="currency"
        )


class PayoutRefused(InvalidRequest):
    """The payout is not where what was asked of it is possible."""

    is_result = True


class SessionNotOpen(InvalidRequest):
    """A checkout session at which nobody can pay any more."""

    is_result = True
    retry = False

    def __init__(self, session: str) -> None:
        super().__init__(f"The checkout session {session} is not open any more.", param="session")
