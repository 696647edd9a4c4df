"""A refund."""

from typing import Any

from payments.models import Refund
from payments.serializers.time import unix


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
        "destination_details": {"type": "card", "card": {"type": "reversal" if row.voids else "refund"}},
    }
    if row.failure_reason:
        shown["failure_reason"] = row.failure_reason
    if row.failure_balance_transaction:
        shown["failure_balance_transaction"] = row.failure_balance_transaction
    if row.state == Refund.State.PENDING:
        shown["pending_reason"] = "processing"
    return shown
