"""What became of charges, as risk wants to know it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from payments.models import Charge, Dispute, Refund
from risk.aftermath import Outcome

PAID = (Charge.State.AUTHORIZED, Charge.State.CAPTURED, Charge.State.VOIDED, Charge.State.EXPIRED)
FRAUDULENT = "fraudulent"
# What asked for no money back, or gave it to the merchant again.
HARMLESS = (
    Dispute.State.WON,
    Dispute.State.WARNING_NEEDS_RESPONSE,
    Dispute.State.WARNING_UNDER_REVIEW,
    Dispute.State.WARNING_CLOSED,
)


def outcomes_of(charges: Sequence[str]) -> Mapping[str, Outcome]:
    """Three queries, by the charges' ids."""
    disputed, fraud = _disputes(charges)
    for charge, at in _fraud_refunds(charges):
        fraud[charge] = min(at, fraud.get(charge, at))
    rows = Charge.objects.filter(public_id__in=charges).values_list("public_id", "state")
    return {
        charge: Outcome(
            paid=state in PAID,
            declined=state == Charge.State.FAILED,
            disputed_at=disputed.get(charge),
            fraud_at=fraud.get(charge),
        )
        for charge, state in rows
    }


def _disputes(charges: Sequence[str]) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """When each was disputed first, and when first for fraud."""
    disputed: dict[str, datetime] = {}
    fraud: dict[str, datetime] = {}
    rows = Dispute.objects.filter(charge__public_id__in=charges).exclude(state__in=HARMLESS)
    for charge, reason, at in rows.order_by("-pk").values_list("charge__public_id", "reason", "created_at"):
        disputed[charge] = at
        if reason == FRAUDULENT:
            fraud[charge] = at
    return disputed, fraud


def _fraud_refunds(charges: Sequence[str]) -> list[tuple[str, datetime]]:
    rows = Refund.objects.filter(charge__public_id__in=charges, reason=FRAUDULENT)
    return list(rows.exclude(state=Refund.State.FAILED).values_list("charge__public_id", "created_at"))
