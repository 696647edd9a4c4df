"""A card as the wire shows it: Stripe's token and payment method, and the gateway's details of either."""

from typing import Any

from vault.card import brand_title
from vault.models import Card


def card_object(card: Card) -> dict[str, Any]:
    """Stripe's `token` or `payment_method`, as the id says."""
    return payment_method_object(card) if card.public_id.startswith("pm_") else token_object(card)


def token_object(card: Card) -> dict[str, Any]:
    return {
        "id": card.public_id,
        "object": "token",
        "card": _legacy_card(card),
        "client_ip": card.client_ip,
        "created": int(card.created_at.timestamp()),
        "livemode": card.livemode,
        "type": "card",
        "used": card.reference is not None,
    }


def payment_method_object(card: Card) -> dict[str, Any]:
    address = card.billing.get("address") or {}
    return {
        "id": card.public_id,
        "object": "payment_method",
        "allow_redisplay": card.allow_redisplay,
        "billing_details": billing_details(card),
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": _unchecked(address.get("line1")),
                "address_postal_code_check": _unchecked(address.get("postal_code")),
                "cvc_check": _unchecked(card.cvc_given),
            },
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": card.fingerprint,
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": int(card.created_at.timestamp()),
        "customer": None,
        "customer_account": None,
        "livemode": card.livemode,
        "metadata": card.metadata,
        "type": "card",
    }


def details(card: Card, *, static: bool) -> dict[str, Any]:
    """What the gateway may know of a card: all but the number and the code."""
    return {
        "id": card.public_id,
        "type": "card",
        "card": {
            "id": card.card_id,
            "brand": card.brand,
            "last4": card.last4,
            "bin": card.bin,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": card.fingerprint,
            "funding": card.funding,
            "country": card.country,
            "cvc_check": _unchecked(card.cvc_given),
        },
        "client_ip": card.client_ip,
        "billing_details": billing_details(card),
        "used": card.reference is not None,
        "static": static,
        "object": card_object(card),
    }


def billing_details(card: Card) -> dict[str, Any]:
    """With every key, as the wire requires."""
    given = card.billing
    address = given.get("address") or {}
    parts = ("city", "country", "line1", "line2", "postal_code", "state")
    return {
        "address": {part: address.get(part) for part in parts},
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": given.get("tax_id"),
    }


def _legacy_card(card: Card) -> dict[str, Any]:
    address = card.billing.get("address") or {}
    return {
        "id": card.card_id,
        "object": "card",
        "address_city": address.get("city"),
        "address_country": address.get("country"),
        "address_line1": address.get("line1"),
        "address_line1_check": _unchecked(address.get("line1")),
        "address_line2": address.get("line2"),
        "address_state": address.get("state"),
        "address_zip": address.get("postal_code"),
        "address_zip_check": _unchecked(address.get("postal_code")),
        "brand": brand_title(card.brand),
        "country": card.country,
        "cvc_check": _unchecked(card.cvc_given),
        "dynamic_last4": None,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
        "metadata": card.metadata,
        "name": card.billing.get("name"),
        "networks": {"preferred": None},
        "regulated_status": "unregulated",
        "tokenization_method": None,
    }


def _unchecked(given: Any) -> str | None:
    """What was given is checked by the bank, at the first charge."""
    return "unchecked" if given else None
