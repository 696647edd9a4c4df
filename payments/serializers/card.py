"""The card of a charge, as the several objects show it."""

from typing import Any

from payments.models import Charge
from payments.serializers.time import unix

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


def billing(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": given.get("address") or EMPTY_ADDRESS,
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": None,
    }


def card_details(row: Charge) -> dict[str, Any]:
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
        "three_d_secure": _three_d_secure(row),
        "transaction_link_id": None,
        "wallet": None,
        **(
            {"capture_before": unix(row.capture_before)}
            if row.capture_before and row.state == Charge.State.AUTHORIZED
            else {}
        ),
    }


def legacy_card(row: Charge) -> dict[str, Any] | None:
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


def _three_d_secure(row: Charge) -> dict[str, Any] | None:
    """What came of the cardholder's challenge; None where there was none."""
    if row.action_until is None:
        return None
    passed = row.state in (Charge.State.AUTHORIZED, Charge.State.CAPTURED)
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": None,
        "exemption_indicator": None,
        "result": "authenticated" if passed else "failed" if row.state == Charge.State.FAILED else None,
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }
