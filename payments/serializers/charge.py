"""A charge."""

from typing import Any

from payments.models import Charge
from payments.serializers.card import billing, card_details, legacy_card
from payments.serializers.time import unix
from risk.models import Verdict

CHARGE_STATUS = {
    Charge.State.CREATED: "pending",
    Charge.State.PROCESSING: "pending",
    Charge.State.AUTHORIZED: "succeeded",
    Charge.State.CAPTURED: "succeeded",
    Charge.State.FAILED: "failed",
    Charge.State.REQUIRES_ACTION: "pending",
    Charge.State.EXPIRED: "succeeded",
}


def charge(row: Charge, *, refunded_minor: int = 0) -> dict[str, Any]:
    captured = row.captured_minor is not None
    paid = row.state in (Charge.State.AUTHORIZED, Charge.State.CAPTURED)
    given_up = row.was_held and row.state in (Charge.State.VOIDED, Charge.State.EXPIRED)
    return {
        "id": row.public_id,
        "object": "charge",
        "amount": row.amount_minor,
        "amount_captured": row.captured_minor or 0,
        "amount_refunded": row.amount_minor if given_up else refunded_minor,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": row.balance_transaction,
        "billing_details": billing(row.billing_details),
        "calculated_statement_descriptor": row.statement_descriptor or None,
        "captured": captured,
        "created": unix(row.created_at),
        "currency": row.currency,
        "customer": None,
        "description": row.description or None,
        "disputed": row.disputed,
        "failure_balance_transaction": None,
        "failure_code": row.failure_code or None,
        "failure_message": row.failure_message or None,
        "fraud_details": {},
        "livemode": row.livemode,
        "metadata": row.metadata,
        "on_behalf_of": None,
        "outcome": _outcome(row),
        "paid": paid,
        "payment_intent": row.payment_intent.public_id,
        "payment_method": row.payment_method,
        "payment_method_details": {"card": card_details(row), "type": "card"},
        "receipt_email": row.receipt_email or None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": given_up or (captured and refunded_minor == row.captured_minor),
        "review": row.review or None,
        "shipping": row.payment_intent.shipping,
        "source": legacy_card(row),
        "source_transfer": None,
        "statement_descriptor": row.statement_descriptor or None,
        "statement_descriptor_suffix": row.statement_descriptor_suffix or None,
        "status": _status(row),
        "transfer_data": None,
        "transfer_group": None,
        # Ours: money that came after that charge had ended as failed. It goes back.
        **({"late_success_of": row.late_of.public_id} if row.late_of else {}),
    }


def _status(row: Charge) -> str:
    """A void undoes what was held, or ends a challenge before anything was."""
    if row.state == Charge.State.VOIDED:
        return "succeeded" if row.was_held else "failed"
    return CHARGE_STATUS[Charge.State(row.state)]


REVIEWED = {
    "seller_message": "The payment is held until somebody has reviewed it.",
    "type": "manual_review",
}
BLOCKED = {
    "network_status": "not_sent_to_network",
    "seller_message": "The payment was blocked as too risky, before any bank was asked.",
    "type": "blocked",
}


def _judged(row: Charge) -> dict[str, Any]:
    """How risky it was taken to be before anybody was asked; nothing for charges of before that."""
    decision = row.decision
    if decision is None:
        return {}
    shown: dict[str, Any] = {"risk_level": decision.level}
    if decision.score >= 0:
        shown["risk_score"] = decision.score
    if decision.effective in (Verdict.BLOCK, Verdict.REVIEW):
        shown["reason"] = "rule" if decision.rule else f"{decision.level}_risk_level"
    if decision.rule:
        shown["rule"] = decision.rule
    return shown


def _outcome(row: Charge) -> dict[str, Any] | None:
    shown: dict[str, Any] = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    shown |= _judged(row)
    match row.state:
        case _ if row.was_held or row.state == Charge.State.CAPTURED:
            return shown | (REVIEWED if row.effective == Verdict.REVIEW else {})
        case Charge.State.FAILED if row.effective == Verdict.BLOCK:
            return shown | BLOCKED
        case Charge.State.FAILED:
            sent = bool(row.decline_code)
            return shown | {
                "network_status": "declined_by_network" if sent else "not_sent_to_network",
                "reason": row.decline_code or "processing_error",
                "seller_message": row.failure_message,
                "type": "issuer_declined" if sent else "invalid",
            }
        case _:
            return None
