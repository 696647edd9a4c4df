"""Evidence of a dispute: its fields by Stripe's names, in words, and which of them convince for which reason; and
what a file may be. Pure."""

from dataclasses import dataclass

from core.redaction import redact

TEXTS = {
    "uncategorized_text": (
        "What happened, in your words",
        "What was sold, when, and why the charge is right.",
    ),
    "product_description": ("What was sold", "As the customer saw it."),
    "customer_name": ("Customer's name", ""),
    "customer_email_address": ("Customer's email address", ""),
    "customer_purchase_ip": ("Address of the computer that ordered", "An IP address."),
    "billing_address": ("Billing address", ""),
    "shipping_address": ("Shipping address", ""),
    "shipping_carrier": ("Carrier", "Who delivered it."),
    "shipping_date": ("Date of shipping", ""),
    "shipping_tracking_number": ("Tracking number", ""),
    "service_date": ("Date of the service", ""),
    "access_activity_log": ("Log of use", "When the customer used or downloaded what was sold."),
    "cancellation_policy_disclosure": ("How the cancellation policy was shown", ""),
    "cancellation_rebuttal": ("Why it was not canceled", ""),
    "refund_policy_disclosure": ("How the refund policy was shown", ""),
    "refund_refusal_explanation": ("Why no refund is due", ""),
    "duplicate_charge_id": ("The other charge", "Its id, where the customer says that they paid twice."),
    "duplicate_charge_explanation": ("Why both charges are right", ""),
}
FILES = {
    "receipt": "Receipt or invoice",
    "customer_communication": "Messages with the customer",
    "shipping_documentation": "Proof of delivery",
    "service_documentation": "Proof of the service",
    "customer_signature": "Customer's signature",
    "refund_policy": "Refund policy",
    "cancellation_policy": "Cancellation policy",
    "duplicate_charge_documentation": "Proof of both orders",
    "uncategorized_file": "Something else",
}
ALWAYS_ADVISED = ("uncategorized_text", "product_description", "customer_name", "customer_email_address")
SHIPPED = ("shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number")
ADVISED = {
    "fraudulent": ("customer_purchase_ip", "billing_address", *SHIPPED, "access_activity_log"),
    "unrecognized": ("customer_purchase_ip", "billing_address", *SHIPPED, "access_activity_log"),
    "product_not_received": (*SHIPPED, "service_date", "access_activity_log"),
    "product_unacceptable": ("refund_policy_disclosure", "refund_refusal_explanation", *SHIPPED),
    "subscription_canceled": (
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "access_activity_log",
    ),
    "credit_not_processed": ("refund_policy_disclosure", "refund_refusal_explanation"),
    "duplicate": ("duplicate_charge_id", "duplicate_charge_explanation"),
}
# As at Stripe: what all texts, and all files, of one dispute may have together.
MOST_TEXT = 150_000
MOST_FILE_BYTES = 4_500_000
KINDS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
KINDS_IN_WORDS = "PDF, JPEG or PNG"
# Parcels have numbers as long as cards, and one in ten passes the same check.
NUMBERS_OF_THEIR_OWN = ("shipping_tracking_number", "duplicate_charge_id")


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it was handed in."""

    name: str
    content: bytes


def kind_of(content: bytes) -> str | None:
    """The type of a file by what it is, whatever its name says; None for one that no bank reads."""
    return next((kind for start, kind in KINDS.items() if content.startswith(start)), None)


def holds_card_number(field: str, text: str) -> bool:
    return field not in NUMBERS_OF_THEIR_OWN and redact(text) != text


def advised(reason: str) -> tuple[str, ...]:
    """The fields that are asked for first."""
    return (*ALWAYS_ADVISED, *ADVISED.get(reason, ()))
