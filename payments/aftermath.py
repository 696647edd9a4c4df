"""What became of charges, as risk wants to know it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from payments.models import Charge, Dispute, Refund, TimelineEntry
from risk.aftermath import Label, Outcome

PAID = (Charge.State.AUTHORIZED, Charge.State.CAPTURED, Charge.State.VOIDED, Charge.State.EXPIRED)
FRAUDULENT = "fraudulent"
OF_DISPUTE = ("pk", "charge__public_id", "payment_intent")
Span: TypeAlias = tuple[datetime, datetime | None]
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


def labels_of(charges: Sequence[str]) -> Mapping[str, Label]:
    """Four queries. A merchant's word that it was fraud stands, whatever became of the refund that said so; a bank's
    stands until the merchant has won."""
    said = _fraud_disputes(charges)
    refunds = Refund.objects.filter(charge__public_id__in=charges, reason=FRAUDULENT)
    for charge, at in refunds.values_list("charge__public_id", "created_at"):
        said.setdefault(charge, []).append((at, None))
    rows = Charge.objects.filter(public_id__in=charges).values_list("public_id", "state")
    return {
        charge: Label(captured=state == Charge.State.CAPTURED, fraud=tuple(said.get(charge, ())))
        for charge, state in rows
    }


def _fraud_disputes(charges: Sequence[str]) -> dict[str, list[Span]]:
    """From when until when the money was, or is, with the cardholder, by the disputes' timelines."""
    disputes = Dispute.objects.filter(charge__public_id__in=charges, reason=FRAUDULENT)
    known = {pk: (charge, intent) for pk, charge, intent in disputes.values_list(*OF_DISPUTE)}
    steps = TimelineEntry.objects.filter(
        payment_intent__in={intent for _, intent in known.values()}, dispute__in=known
    )
    ways: dict[int, list[tuple[datetime, bool]]] = {}
    for dispute, state, at in steps.order_by("pk").values_list("dispute", "dispute_state", "created_at"):
        ways.setdefault(dispute, []).append((at, state not in HARMLESS))
    said: dict[str, list[Span]] = {}
    for dispute, way in ways.items():
        said.setdefault(known[dispute][0], []).extend(_spans(way))
    return said


def _spans(way: Sequence[tuple[datetime, bool]]) -> Iterator[Span]:
    """Where it begins to hold, and where it ends."""
    began: datetime | None = None
    for at, holds in way:
        if holds and began is None:
            began = at
        elif not holds and began is not None:
            yield began, at
            began = None
    if began is not None:
        yield began, None


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
