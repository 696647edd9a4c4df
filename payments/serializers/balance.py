"""A merchant's view of a booking."""

from typing import Any

from django.utils import timezone

from payments.models import BalanceTransaction
from payments.serializers.time import unix


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
