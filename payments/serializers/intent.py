"""A payment intent."""

from typing import Any

from payments.models import Charge, PaymentIntent
from payments.serializers.card import billing, card_details
from payments.serializers.time import unix


def payment_intent(row: PaymentIntent, *, latest_charge: Charge | None) -> dict[str, Any]:
    """With the last attempt, if there was one; money that came late belongs to no intent's attempts."""
    received = latest_charge.captured_minor if latest_charge and latest_charge.captured_minor else 0
    held = latest_charge is not None and row.state == PaymentIntent.State.REQUIRES_CAPTURE
    canceled = row.state == PaymentIntent.State.CANCELED
    options = row.options
    return {
        "id": row.public_id,
        "object": "payment_intent",
        "allowed_payment_method_types": options.get("allowed_payment_method_types"),
        "amount": row.amount_minor,
        "amount_capturable": latest_charge.amount_minor if held and latest_charge else 0,
        "amount_received": received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": options.get("automatic_payment_methods"),
        "canceled_at": unix(row.canceled_at) if canceled and row.canceled_at else None,
        "cancellation_reason": (row.cancellation_reason or None) if canceled else None,
        "capture_method": row.capture_method,
        "client_secret": row.client_secret or None,
        "confirmation_method": "automatic",
        "created": unix(row.created_at),
        "currency": row.currency,
        "customer": None,
        "customer_account": None,
        "description": row.description or None,
        "excluded_payment_method_types": None,
        "last_payment_error": _last_error(row, latest_charge),
        "latest_charge": latest_charge.public_id if latest_charge else None,
        "livemode": row.livemode,
        "managed_payments": None,
        "metadata": row.metadata,
        "next_action": _next_action(row, latest_charge),
        "on_behalf_of": None,
        "payment_method": row.payment_method or (latest_charge.payment_method if latest_charge else None),
        "payment_method_configuration_details": None,
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": row.receipt_email or None,
        "review": (latest_charge.review or None) if latest_charge else None,
        "setup_future_usage": options.get("setup_future_usage"),
        "shipping": row.shipping,
        "source": None,
        "statement_descriptor": row.statement_descriptor or None,
        "statement_descriptor_suffix": row.statement_descriptor_suffix or None,
        "status": row.state,
        "transfer_data": None,
        "transfer_group": None,
        # Ours: Stripe's objects have no such field, and its SDKs let it be read by name.
        **({"order_reference": row.order_reference} if row.order_reference else {}),
    }


def failed_method(row: Charge) -> dict[str, Any]:
    """The payment method of a charge, for the error that tells why it failed."""
    details = card_details(row)
    return {
        "id": row.payment_method,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing(row.billing_details),
        "card": {
            "brand": details["brand"],
            "checks": details["checks"],
            "country": details["country"],
            "display_brand": details["brand"],
            "exp_month": details["exp_month"],
            "exp_year": details["exp_year"],
            "fingerprint": details["fingerprint"],
            "funding": details["funding"],
            "generated_from": None,
            "last4": details["last4"],
            "networks": {"available": [details["brand"]], "preferred": None},
            "regulated_status": None,
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": unix(row.created_at),
        "customer": None,
        "customer_account": None,
        "livemode": row.livemode,
        "metadata": {},
        "type": "card",
    }


def _last_error(row: PaymentIntent, charge: Charge | None) -> dict[str, Any] | None:
    """Why the last attempt failed, until another one is made."""
    if charge is None or charge.state != Charge.State.FAILED:
        return None
    error: dict[str, Any] = {
        "type": "card_error" if charge.decline_code else "api_error",
        "charge": charge.public_id,
        "code": charge.failure_code,
        "message": charge.failure_message,
        "payment_method": failed_method(charge),
        "payment_method_type": "card",
    }
    if charge.failure_code == "payment_intent_authentication_failure":
        error["type"] = "invalid_request_error"
    if charge.decline_code:
        error["decline_code"] = charge.decline_code
    return error


def _next_action(row: PaymentIntent, charge: Charge | None) -> dict[str, Any] | None:
    if row.state != PaymentIntent.State.REQUIRES_ACTION or charge is None:
        return None
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"return_url": row.return_url or None, "url": charge.redirect_url},
    }
