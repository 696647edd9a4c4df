"""What Stripe's objects and errors mean in the protocol's words. Pure. Whatever is not clear is Unknown."""

from collections.abc import Mapping
from typing import Any, cast

import stripe

from processors.protocol import (
    DISPUTE_STATES,
    ActionRequired,
    Approved,
    Declined,
    DisputeReport,
    DisputeState,
    Failed,
    NotSent,
    Outcome,
    Pending,
    Tombstoned,
    Unknown,
)
from processors.stripe.wire import NeverLeft

# Turned away undone: whatever comes, for now; or this one order, for what it says.
PROCESSOR_REFUSED = "processor_refused"
ORDER_REFUSED = "order_refused"
UNEXPECTED_STATE = "payment_intent_unexpected_state"
# Kept with our operation. Not all of an intent may be: its `client_secret` lets anybody confirm it.
KEPT = (
    "id",
    "object",
    "status",
    "amount",
    "currency",
    "amount_received",
    "amount_capturable",
    "payment_intent",
)
NOT_DONE = (stripe.AuthenticationError, stripe.PermissionError, stripe.RateLimitError)


def of_intent(intent: Mapping[str, Any]) -> Outcome:
    """What became of the authorization that made this intent."""
    match intent:
        case {"status": "succeeded", "id": str(intent_id), "amount_received": int(amount_minor)}:
            return _approved(intent, intent_id, amount_minor)
        case {"status": "requires_capture", "id": str(intent_id), "amount_capturable": int(amount_minor)}:
            return _approved(intent, intent_id, amount_minor)
        case {
            "status": "requires_action",
            "id": str(intent_id),
            "next_action": {"redirect_to_url": {"url": str(url)}},
        }:
            return ActionRequired(intent_id, url, raw=kept(intent))
        case {"status": "processing", "id": str(intent_id)}:
            return Pending(intent_id, "Stripe has not decided yet.")
        case {"status": "requires_payment_method", "last_payment_error": {} as error}:
            return Declined(decline_word(error), raw=kept(intent))
        case {"status": "canceled"}:
            return Tombstoned(raw=kept(intent))
        case _:
            return Unknown(f"an intent that is neither paid nor refused: status {intent.get('status')!r}")


def of_captured(intent: Mapping[str, Any]) -> Outcome:
    """What became of a capture."""
    match intent:
        case {"status": "succeeded", "id": str(intent_id), "amount_received": int(amount_minor)}:
            return _approved(intent, intent_id, amount_minor)
        case {"status": "processing", "id": str(intent_id)}:
            return Pending(intent_id, "Stripe has not captured yet.")
        case {"status": "canceled" | "requires_payment_method" | "requires_confirmation" | "requires_action"}:
            return Declined("not_allowed", raw=kept(intent))
        case _:
            return Unknown(f"a capture of an intent with status {intent.get('status')!r}")


def of_canceled(intent: Mapping[str, Any]) -> Outcome:
    """What became of a void."""
    match intent:
        case {"status": "canceled", "id": str(intent_id), "amount": int(amount_minor)}:
            return Approved(intent_id, amount_minor, raw=kept(intent))
        case {"status": "succeeded"}:
            return Declined("not_allowed", raw=kept(intent))
        case _:
            return Unknown(f"a void of an intent with status {intent.get('status')!r}")


def of_refund(refund: Mapping[str, Any]) -> Outcome:
    match refund:
        case {"status": "succeeded", "id": str(refund_id), "amount": int(amount_minor)}:
            return Approved(refund_id, amount_minor, raw=kept(refund))
        case {"status": "pending" | "requires_action", "id": str(refund_id)}:
            return Pending(refund_id, str(refund.get("pending_reason") or "Stripe has not sent it yet."))
        case {"status": "failed" | "canceled", "id": str(refund_id)}:
            return Failed(refund_id, str(refund.get("failure_reason") or "unknown"), raw=kept(refund))
        case _:
            return Unknown(f"a refund with status {refund.get('status')!r}")


def of_dispute(dispute: Mapping[str, Any]) -> DisputeReport | None:
    """None for what is no dispute, or stands where none of ours ever does."""
    match dispute:
        case {
            "id": str(dispute_id),
            "status": str(state),
            "amount": int(amount_minor),
            "currency": str(currency),
        } if state in DISPUTE_STATES:
            details: Mapping[str, Any] = dispute.get("evidence_details") or {}
            return DisputeReport(
                processor_id=dispute_id,
                state=cast(DisputeState, state),
                amount_minor=amount_minor,
                currency=currency,
                reason=str(dispute.get("reason") or "general"),
                due_by=details.get("due_by"),
                network_reason_code=str(dispute.get("network_reason_code") or ""),
                submissions=int(details.get("submission_count") or 0),
                reference=_reference_of_disputed(dispute.get("payment_intent")),
            )
    return None


def _reference_of_disputed(intent: Any) -> str:
    match intent:
        case {"metadata": {"tollgate_reference": str(reference)}}:
            return reference
        case _:
            return ""


def of_error(error: stripe.StripeError) -> Outcome:
    """NotSent for what never left, and for a clear refusal of the request itself: a 400 moves no money."""
    match error:
        case NeverLeft():
            return NotSent(f"Stripe could not be reached: {error.user_message}")
        case stripe.CardError() if _error_of(error).get("type") == "card_error":
            return Declined(decline_word(_error_of(error)))
        case stripe.InvalidRequestError():
            return NotSent(f"Stripe refused the order ({error.code or error.param}).", ORDER_REFUSED)
        case _ if isinstance(error, NOT_DONE):
            return NotSent(f"Stripe turned us away (HTTP {error.http_status}).", PROCESSOR_REFUSED)
        case _:
            return Unknown(f"{type(error).__name__}, HTTP {error.http_status}")


def unsure(error: stripe.StripeError) -> Unknown:
    """A question that was not answered says nothing about what was asked after."""
    return Unknown(f"Stripe could not be asked: {type(error).__name__}, HTTP {error.http_status}")


def of_card_refused(status: int, body: Any) -> Declined | NotSent:
    """Why Stripe made no payment method of a card."""
    match status, body:
        case 402, {"error": {"type": "card_error"} as error}:
            return Declined(decline_word(error))
        case 400 | 404, _:
            return NotSent(f"Stripe refused to take the card in (HTTP {status}).", ORDER_REFUSED)
        case _:
            return NotSent(f"Stripe did not take the card in (HTTP {status}).", PROCESSOR_REFUSED)


def of_refused_step(error: stripe.StripeError) -> Outcome:
    """As `of_error`, for a capture, a void or a refund: what Stripe refuses there, no repetition brings."""
    match error:
        case stripe.InvalidRequestError(code=str(code)) if code != "resource_missing":
            return Declined(code)
        case _:
            return of_error(error)


def decline_word(error: Mapping[str, Any]) -> str:
    """Why, in Stripe's words: the bank's reason where it gave one."""
    return str(error.get("decline_code") or error.get("code") or "generic_decline")


def kept(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in KEPT if name in found}


def _error_of(error: stripe.StripeError) -> Mapping[str, Any]:
    match error.json_body:
        case {"error": dict(details)}:
            return details
        case _:
            return {}


def _approved(intent: Mapping[str, Any], intent_id: str, amount_minor: int) -> Approved:
    card: Mapping[str, Any] = {}
    match intent:
        case {"latest_charge": {"payment_method_details": {"card": {} as card}}}:
            pass
    checks = card.get("checks") or {}
    return Approved(
        processor_id=intent_id,
        amount_minor=amount_minor,
        authorization_code=card.get("authorization_code") or "",
        network_transaction_id=card.get("network_transaction_id") or "",
        checks={name.removesuffix("_check"): said for name, said in checks.items() if said},
        raw=kept(intent),
    )
