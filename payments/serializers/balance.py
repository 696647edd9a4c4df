"""A merchant's balance, and their view of a booking."""

from collections.abc import Sequence
from typing import Any

from payments.models import BalanceTransaction
from payments.queries import Balance
from payments.serializers.time import unix

Type = BalanceTransaction.Type


def balance(rows: Sequence[Balance], *, livemode: bool) -> dict[str, Any]:
    def amounts(name: str) -> list[dict[str, Any]]:
        return [
            {
                "amount": getattr(row, name),
                "currency": row.currency,
                "source_types": {"card": getattr(row, name)},
            }
            for row in rows
        ]

    return {
        "object": "balance",
        "available": amounts("available_minor"),
        "livemode": livemode,
        "pending": amounts("pending_minor"),
    }


def balance_transaction(row: BalanceTransaction) -> dict[str, Any]:
    of_dispute = row.source.startswith("dp_")
    fees = [
        {
            "amount": row.fee_minor,
            "application": None,
            "currency": row.currency,
            "description": "Dispute fee" if of_dispute else "Processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": row.public_id,
        "object": "balance_transaction",
        "amount": row.amount_minor,
        "available_on": unix(row.available_on),
        "balance_type": "risk_reserved" if row.type == Type.RESERVE_RELEASE else "payments",
        "created": unix(row.created_at),
        "currency": row.currency,
        "description": None,
        # A number on the wire; its digits are the quote's.
        "exchange_rate": float(row.exchange_rate) if row.exchange_rate else None,
        "fee": row.fee_minor,
        "fee_details": fees if row.fee_minor else [],
        "net": row.net_minor,
        "reporting_category": _category(row),
        "source": row.source,
        # What is reserved becomes available on its day, as what is pending.
        "status": "available" if row.state == BalanceTransaction.State.AVAILABLE else "pending",
        "type": row.type,
    }


def _category(row: BalanceTransaction) -> str:
    if row.source.startswith("dp_"):
        return "dispute" if row.amount_minor < 0 else "dispute_reversal"
    if row.source.startswith("fx_"):
        return "other_adjustment"
    if row.type in (Type.RESERVE_HOLD, Type.RESERVE_RELEASE):
        return "risk_reserved_funds"
    return row.type
