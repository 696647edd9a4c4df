"""A dispute."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from payments.evidence import FILES, TEXTS
from payments.models import BalanceTransaction, Dispute
from payments.serializers.balance import balance_transaction
from payments.serializers.time import unix


def dispute(row: Dispute, balances: Iterable[BalanceTransaction]) -> dict[str, Any]:
    """`balances` are the dispute's own: the money that left, and the money that came back."""
    evidence: dict[str, Any] = {name: row.evidence.get(name) or None for name in sorted([*TEXTS, *FILES])}
    return {
        "id": row.public_id,
        "object": "dispute",
        "amount": row.amount_minor,
        "balance_transactions": [balance_transaction(each) for each in balances],
        "charge": row.charge.public_id,
        "created": unix(row.created_at),
        "currency": row.currency,
        "enhanced_eligibility_types": [],
        "evidence": {**evidence, "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": unix(row.due_by) if row.due_by else None,
            "enhanced_eligibility": {},
            "has_evidence": bool(row.evidence),
            "past_due": row.due_by is not None and row.due_by <= timezone.now(),
            "submission_count": row.submissions,
            "submission_method": "manual" if row.submissions else "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": row.state not in Dispute.REFUSES_REFUNDS,
        "livemode": row.livemode,
        "metadata": row.metadata,
        "network_reason_code": row.network_reason_code or None,
        "payment_intent": row.payment_intent.public_id,
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": row.charge.card_brand or None,
                "case_type": "inquiry" if row.is_inquiry else "chargeback",
                "network_reason_code": row.network_reason_code or None,
            },
        },
        "reason": row.reason,
        "status": row.state,
    }
