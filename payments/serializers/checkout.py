"""A checkout session."""

from typing import Any

from payments.addresses import checkout_address
from payments.models import CheckoutSession, PaymentIntent
from payments.serializers.time import unix


def checkout_session(row: CheckoutSession) -> dict[str, Any]:
    """With its intent as it stands; its items always, which Stripe shows when they are asked for."""
    intent = row.payment_intent
    paid = intent.state == PaymentIntent.State.SUCCEEDED
    is_open = row.state == CheckoutSession.State.OPEN and intent.state != PaymentIntent.State.CANCELED
    status = row.state if is_open or row.state != CheckoutSession.State.OPEN else "expired"
    email = row.customer_email or intent.receipt_email
    return {
        "id": row.public_id,
        "object": "checkout.session",
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": row.amount_minor,
        "amount_total": row.amount_minor,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": row.cancel_url or None,
        "client_reference_id": row.client_reference_id or None,
        "client_secret": None,
        "consent": None,
        "consent_collection": None,
        "created": unix(row.created_at),
        "currency": row.currency,
        "currency_conversion": None,
        "custom_fields": [],
        "customer": None,
        "customer_creation": None,
        "customer_details": {"email": email} if email and row.state == "complete" else None,
        "customer_email": row.customer_email or None,
        "expires_at": unix(row.expires_at),
        "invoice": None,
        "invoice_creation": None,
        "line_items": {
            "object": "list",
            "data": [_item(row, number, item) for number, item in enumerate(row.items, 1)],
            "has_more": False,
            "url": f"/v1/checkout/sessions/{row.public_id}/line_items",
        },
        "livemode": row.livemode,
        "locale": row.locale or None,
        "metadata": row.metadata,
        "mode": "payment",
        "payment_intent": intent.public_id,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "paid" if paid else "unpaid",
        "recovered_from": None,
        "setup_intent": None,
        "shipping_options": [],
        "status": status,
        "submit_type": None,
        "subscription": None,
        "success_url": row.success_url or None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": checkout_address(row.public_id) if is_open else None,
    }


def _item(row: CheckoutSession, number: int, item: dict[str, Any]) -> dict[str, Any]:
    total = item["unit_minor"] * item["quantity"]
    return {
        "id": f"li_{row.public_id.removeprefix('cs_')}{number:03}",
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": row.currency,
        "description": item["name"],
        "price": {
            "object": "price",
            "currency": row.currency,
            "type": "one_time",
            "unit_amount": item["unit_minor"],
        },
        "quantity": item["quantity"],
    }
