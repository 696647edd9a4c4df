"""Objects as the API and the webhooks show them (API 2026-10-28). Plain functions: one place, one shape."""

from payments.serializers.balance import balance, balance_transaction
from payments.serializers.charge import charge
from payments.serializers.checkout import checkout_session
from payments.serializers.dispute import dispute
from payments.serializers.intent import failed_method, payment_intent
from payments.serializers.payout import bank_account, payout
from payments.serializers.refund import refund
from payments.serializers.review import review
from payments.serializers.time import unix

__all__ = [
    "balance",
    "balance_transaction",
    "bank_account",
    "charge",
    "checkout_session",
    "dispute",
    "failed_method",
    "payment_intent",
    "payout",
    "refund",
    "review",
    "unix",
]
