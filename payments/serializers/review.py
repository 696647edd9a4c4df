"""A review."""

from typing import Any

from payments.serializers.time import unix
from risk.models import Review


def review(row: Review) -> dict[str, Any]:
    facts = row.decision.facts
    return {
        "id": row.public_id,
        "object": "review",
        "billing_zip": None,
        "charge": row.charge,
        "closed_reason": row.closed_reason or None,
        "created": unix(row.created_at),
        "ip_address": facts["customer"]["ip"] or None,
        "ip_address_location": None,
        "livemode": row.livemode,
        "open": row.state == Review.State.OPEN,
        "opened_reason": "rule",
        "payment_intent": row.payment_intent,
        "reason": row.closed_reason or "rule",
        "session": None,
    }
