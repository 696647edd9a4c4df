"""A checkout session ends with its payment, in the transaction that books it."""

from payments import serializers
from payments.attempts import Attempt, Undertaking
from payments.conclusions.drafts import EventDraft
from payments.models import CheckoutSession, Operation, PaymentIntent

# What a payment is made by; a capture or a refund that follows ends no session.
MAKING = (Operation.Kind.SALE, Operation.Kind.AUTHORIZE, Operation.Kind.COMPLETE)
MADE = (PaymentIntent.State.SUCCEEDED, PaymentIntent.State.REQUIRES_CAPTURE)


def complete_checkout(attempt: Undertaking) -> list[EventDraft]:
    """The session of a payment that was just made is complete; the event to record of it, or none. Under the lock of
    its intent."""
    if not isinstance(attempt, Attempt) or not attempt.intent.options.get("checkout"):
        return []
    if attempt.operation.kind not in MAKING or attempt.intent.state not in MADE:
        return []
    session = (
        CheckoutSession.objects.select_for_update(no_key=True)
        .filter(payment_intent=attempt.intent, state=CheckoutSession.State.OPEN)
        .first()
    )
    if session is None:
        return []
    session.payment_intent = attempt.intent
    session.complete()
    session.save(update_fields=["state"])
    return [
        EventDraft("checkout.session.completed", session.public_id, serializers.checkout_session(session))
    ]
