"""What is told of a payment's changes, inside their transaction: timeline rows for us, events for the merchant."""

from typing import Any

from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import EventDraft
from payments.models import PaymentIntent, TimelineEntry
from webhooks.services import record_event


def timeline(
    attempt: Attempt, kind: str, actor: Actor, *, reason: str = "", data: dict[str, Any] | None = None
) -> None:
    """One timeline row with every state that the attempt's rows hold now."""
    TimelineEntry.objects.create(
        payment_intent=attempt.intent,
        merchant_id=attempt.charge.merchant_id,
        livemode=attempt.charge.livemode,
        kind=kind,
        actor=actor.name,
        reason=reason[:500],
        request_id=actor.request_id,
        charge=attempt.charge,
        refund=attempt.refund,
        operation=attempt.operation,
        intent_state=attempt.intent.state,
        charge_state=attempt.charge.state,
        refund_state=attempt.refund.state if attempt.refund else "",
        operation_state=attempt.operation.state,
        data=data or {},
    )


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


def record(attempt: Attempt, draft: EventDraft) -> None:
    """Records an event of the attempt."""
    operation = attempt.operation
    actor = Actor(operation.actor, operation.request_id)
    record_of_intent(attempt.intent, draft, actor, idempotency_key=operation.idempotency_key)


def record_of_intent(
    intent: PaymentIntent, draft: EventDraft, actor: Actor, *, idempotency_key: str = ""
) -> None:
    """Records an event of what belongs to the intent; `actor` made the request that caused it."""
    record_event(
        merchant_id=intent.merchant_id,
        livemode=intent.livemode,
        type=draft.type,
        object_id=draft.object_id,
        data=draft.data,
        previous_attributes=draft.previous_attributes,
        request_id=actor.request_id,
        idempotency_key=idempotency_key,
    )
