"""Objects as the API and the webhooks show them (API 2026-10-28). Plain functions: one place, one shape."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from payments.models import BalanceTransaction, Charge, PaymentIntent, Refund

# Cards and tokens say "Visa", payment methods say "visa".
BRAND_NAMES = {
    "visa": "Visa",
    "mastercard": "MasterCard",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
}
EMPTY_ADDRESS = {
    "city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None,
}  # fmt: skip
CHARGE_STATUS = {
    Charge.State.CREATED: "pending",
    Charge.State.PROCESSING: "pending",
    Charge.State.AUTHORIZED: "succeeded",
    Charge.State.CAPTURED: "succeeded",
    Charge.State.FAILED: "failed",
}


def charge(row: Charge, *, refunded_minor: int = 0) -> dict[str, Any]:
    captured = row.captured_minor is not None
    paid = row.state in (Charge.State.AUTHORIZED, Charge.State.CAPTURED)
    return {
        "id": row.public_id,
        "object": "charge",
        "amount": row.amount_minor,
        "amount_captured": row.captured_minor or 0,
        "amount_refunded": refunded_minor,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": row.balance_transaction,
        "billing_details": _billing(row.billing_details),
        "calculated_statement_descriptor": row.statement_descriptor or None,
        "captured": captured,
        "created": unix(row.created_at),
        "currency": row.currency,
        "customer": None,
        "description": row.description or None,
        "disputed": False,
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
        "payment_method_details": {"card": _card_details(row), "type": "card"},
        "receipt_email": row.receipt_email or None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": captured and refunded_minor == row.captured_minor,
        "review": None,
        "shipping": None,
        "source": _card(row),
        "source_transfer": None,
        "statement_descriptor": row.statement_descriptor or None,
        "statement_descriptor_suffix": row.statement_descriptor_suffix or None,
        "status": CHARGE_STATUS[Charge.State(row.state)],
        "transfer_data": None,
        "transfer_group": None,
    }


def refund(row: Refund) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row.public_id,
        "object": "refund",
        "amount": row.amount_minor,
        "balance_transaction": row.balance_transaction,
        "charge": row.charge.public_id,
        "created": unix(row.created_at),
        "currency": row.currency,
        "customer": None,
        "customer_account": None,
        "metadata": row.metadata,
        "payment_intent": row.payment_intent.public_id,
        "payment_method": row.charge.payment_method,
        "reason": row.reason or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": row.state,
        "transfer_reversal": None,
        "destination_details": {"type": "card", "card": {"type": "refund"}},
    }
    if row.failure_reason:
        shown["failure_reason"] = row.failure_reason
    if row.state == Refund.State.PENDING:
        shown["pending_reason"] = "processing"
    return shown


def payment_intent(row: PaymentIntent, *, latest_charge: Charge | None) -> dict[str, Any]:
    received = latest_charge.captured_minor if latest_charge and latest_charge.captured_minor else 0
    held = row.amount_minor if row.state == PaymentIntent.State.REQUIRES_CAPTURE else 0
    return {
        "id": row.public_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": row.amount_minor,
        "amount_capturable": held,
        "amount_received": received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": None,
        "confirmation_method": "automatic",
        "created": unix(row.created_at),
        "currency": row.currency,
        "customer": None,
        "customer_account": None,
        "description": row.description or None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": latest_charge.public_id if latest_charge else None,
        "livemode": row.livemode,
        "managed_payments": None,
        "metadata": row.metadata,
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": latest_charge.payment_method if latest_charge else None,
        "payment_method_configuration_details": None,
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": row.state,
        "transfer_data": None,
        "transfer_group": None,
    }


def balance_transaction(row: BalanceTransaction) -> dict[str, Any]:
    fees = [
        {
            "amount": row.fee_minor,
            "application": None,
            "currency": row.currency,
            "description": "Processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": row.public_id,
        "object": "balance_transaction",
        "amount": row.amount_minor,
        "available_on": unix(row.available_on),
        "balance_type": "payments",
        "created": unix(row.created_at),
        "currency": row.currency,
        "description": None,
        "exchange_rate": None,
        "fee": row.fee_minor,
        "fee_details": fees if row.fee_minor else [],
        "net": row.net_minor,
        "reporting_category": row.type,
        "source": row.source,
        "status": "available" if row.available_on <= timezone.now() else "pending",
        "type": row.type,
    }


def unix(moment: datetime) -> int:
    return int(moment.timestamp())


def _billing(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": given.get("address") or EMPTY_ADDRESS,
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": None,
    }


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
    match row.state:
        case Charge.State.AUTHORIZED | Charge.State.CAPTURED:
            return shown
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


def _card_details(row: Charge) -> dict[str, Any]:
    return {
        "amount_authorized": row.amount_minor if row.processor_id else None,
        "authorization_code": row.authorization_code or None,
        "brand": row.card_brand or None,
        "checks": {
            "address_line1_check": row.card_checks.get("address_line1"),
            "address_postal_code_check": row.card_checks.get("address_postal_code"),
            "cvc_check": row.card_checks.get("cvc"),
        },
        "country": row.card_country or None,
        "electronic_commerce_indicator": None,
        "exp_month": row.card_exp_month,
        "exp_year": row.card_exp_year,
        "fingerprint": row.card_fingerprint or None,
        "funding": row.card_funding or "unknown",
        "installments": None,
        "last4": row.card_last4 or None,
        "mandate": None,
        "network": row.card_brand or None,
        "network_transaction_id": row.network_transaction_id or None,
        "regulated_status": None,
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }


def _card(row: Charge) -> dict[str, Any] | None:
    """The legacy `source` of a charge."""
    address = row.billing_details.get("address") or EMPTY_ADDRESS
    return {
        "id": row.payment_method,
        "object": "card",
        "address_city": address["city"],
        "address_country": address["country"],
        "address_line1": address["line1"],
        "address_line1_check": row.card_checks.get("address_line1"),
        "address_line2": address["line2"],
        "address_state": address["state"],
        "address_zip": address["postal_code"],
        "address_zip_check": row.card_checks.get("address_postal_code"),
        "brand": BRAND_NAMES.get(row.card_brand, "Unknown"),
        "country": row.card_country or None,
        "customer": None,
        "cvc_check": row.card_checks.get("cvc"),
        "dynamic_last4": None,
        "exp_month": row.card_exp_month,
        "exp_year": row.card_exp_year,
        "fingerprint": row.card_fingerprint or None,
        "funding": row.card_funding or "unknown",
        "last4": row.card_last4,
        "metadata": {},
        "name": row.billing_details.get("name"),
        "regulated_status": None,
        "tokenization_method": None,
    }
