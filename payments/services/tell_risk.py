"""Tells risk what became of what it has judged."""

from payments.aftermath import FRAUDULENT
from payments.attempts import Attempt, Undertaking
from payments.models import Dispute, Operation
from processors.protocol import Declined, Outcome
from risk.services.lists import list_disputed, unlist_disputed
from risk.velocity import count_decline


def tell_of_decline(attempt: Undertaking, outcome: Outcome) -> None:
    """After the commit, since Redis hears of it. Counts the attempt as declined, if a card was asked for money and
    its bank said no."""
    if not isinstance(outcome, Declined) or not isinstance(attempt, Attempt):
        return
    operation, charge = attempt.operation, attempt.charge
    asked_card = operation.takes_money_of_card or operation.kind == Operation.Kind.COMPLETE
    if asked_card and charge.decision is not None:
        count_decline(charge.decision, at=charge.created_at)


def tell_of_dispute(dispute: Dispute) -> None:
    """In the caller's transaction: whoever is disputed for fraud comes on the lists that this fills, and a dispute
    that was won takes off what it had put there. Harmless when it was told before."""
    if dispute.reason != FRAUDULENT or dispute.state.startswith("warning_"):
        return
    if dispute.state == Dispute.State.WON:
        unlist_disputed(dispute=dispute.public_id, reason=f"{dispute.public_id} was won.")
        return
    charge = dispute.charge
    list_disputed(
        merchant_id=dispute.merchant_id,
        livemode=dispute.livemode,
        dispute=dispute.public_id,
        fingerprint=charge.card_fingerprint,
        email=charge.receipt_email or charge.billing_details.get("email") or "",
        reason=f"{charge.public_id} was disputed as fraud: {dispute.public_id}.",
    )
