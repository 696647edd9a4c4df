"""What is told of a payment's changes, inside their transaction: timeline rows for us, events for the merchant."""

from typing import Any

from payments.attempts import Actor, Attempt, PayoutAttempt, Undertaking
from payments.conclusions.drafts import EventDraft
from payments.models import Charge, Dispute, Owned, PaymentIntent, TimelineEntry
from webhooks.services import record_event


def timeline(
    attempt: Undertaking, kind: str, actor: Actor, *, reason: str = "", data: dict[str, Any] | None = None
) -> None:
    """One timeline row with every state that the attempt's rows hold now."""
    TimelineEntry.objects.create(
        merchant_id=attempt.operation.merchant_id,
        livemode=attempt.operation.livemode,
        kind=kind,
        actor=actor.name,
        reason=reason[:500],
        request_id=actor.request_id,
        operation=attempt.operation,
        operation_state=attempt.operation.state,
        data=data or {},
        **_rows(attempt),
    )


def _rows(attempt: Undertaking) -> dict[str, Any]:
    match attempt:
        case PayoutAttempt(payout=payout):
            return {"payout": payout, "payout_state": payout.state}
        case Attempt(intent=intent, charge=charge, refund=refund):
            return {
                "payment_intent": intent,
                "charge": charge,
                "refund": refund,
                "intent_state": intent.state,
                "charge_state": charge.state,
                "refund_state": refund.state if refund else "",
            }
        case _:
            raise ValueError(f"no timeline tells of {attempt}")


def timeline_of_intent(intent: PaymentIntent, kind: str, actor: Actor, *, reason: str = "") -> None:
    """The same for what happens to an intent while no attempt is under way."""
    TimelineEntry.objects.create(
        payment_intent=intent,
        merchant_id=intent.merchant_id,
        livemode=intent.livemode,
        kind=kind,
        actor=actor.name,
        reason=reason[:500],
        request_id=actor.request_id,
        intent_state=intent.state,
    )


def timeline_of_charge(charge: Charge, kind: str, actor: Actor, *, reason: str = "") -> None:
    """The same for what happens to a charge while nothing is asked of its processor."""
    TimelineEntry.objects.create(
        payment_intent=charge.payment_intent,
        charge=charge,
        merchant_id=charge.merchant_id,
        livemode=charge.livemode,
        kind=kind,
        actor=actor.name,
        reason=reason[:500],
        request_id=actor.request_id,
        intent_state=charge.payment_intent.state,
        charge_state=charge.state,
    )


def timeline_of_dispute(dispute: Dispute, kind: str, actor: Actor, *, reason: str = "") -> None:
    """The same for a dispute as it stands."""
    TimelineEntry.objects.create(
        payment_intent=dispute.payment_intent,
        merchant_id=dispute.merchant_id,
        livemode=dispute.livemode,
        kind=kind,
        actor=actor.name,
        reason=reason[:500],
        request_id=actor.request_id,
        charge=dispute.charge,
        dispute=dispute,
        dispute_state=dispute.state,
    )


def record(attempt: Undertaking, draft: EventDraft) -> None:
    """Records an event of the attempt."""
    operation = attempt.operation
    actor = Actor(operation.actor, operation.request_id)
    record_of(operation, draft, actor, idempotency_key=operation.idempotency_key)


def record_of(owner: Owned, draft: EventDraft, actor: Actor, *, idempotency_key: str = "") -> None:
    """Records an event of what the owner's merchant has; `actor` made the request that caused it."""
    record_event(
        merchant_id=owner.merchant_id,
        livemode=owner.livemode,
        type=draft.type,
        object_id=draft.object_id,
        data=draft.data,
        previous_attributes=draft.previous_attributes,
        request_id=actor.request_id,
        idempotency_key=idempotency_key,
    )
