"""After the cardholder's challenge: the processor is asked to go on, and the charge ends as it says."""

from core.db import in_transaction
from payments import bookings
from payments.attempts import Actor, Attempt
from payments.models import Charge, Operation, PaymentIntent
from payments.queries import latest_charge
from payments.services.pursue import carry_out
from payments.services.records import timeline
from payments.services.start import Errand, hold, open_operation

CARDHOLDER = "cardholder"


def answer_challenge(intent: str) -> PaymentIntent | None:
    """For a cardholder's browser that came back: ends the charge if it still waits. The intent as it is then;
    None where there is no such intent. Harmless when repeated."""
    actor = Actor(CARDHOLDER)
    attempt = _start(intent, actor)
    if attempt is not None:
        carry_out(attempt, actor)
    return PaymentIntent.objects.filter(public_id=intent).first()


@in_transaction
def _start(public_id: str, actor: Actor) -> Attempt | None:
    intent = PaymentIntent.objects.filter(public_id=public_id).first()
    charge = latest_charge(intent) if intent else None
    if charge is None:
        return None
    locked = Charge.objects.select_for_update(no_key=True).get(pk=charge.pk)
    if locked.state != Charge.State.REQUIRES_ACTION or _busy(locked):
        return None
    return open_completion(locked, actor)


def open_completion(charge: Charge, actor: Actor) -> Attempt:
    """Phase 1, inside the caller's transaction, under the charge's lock: money may be taken from here on."""
    intent = PaymentIntent.objects.select_for_update(no_key=True).get(pk=charge.payment_intent_id)
    charge.payment_intent = intent
    charge.process()
    charge.next_look_at = None
    charge.save(update_fields=["state", "next_look_at"])
    intent.process()
    intent.save(update_fields=["state", "order_held"])
    attempt = open_operation(
        Operation.Kind.COMPLETE,
        charge,
        charge.amount_minor,
        Errand(actor),
        shows=Operation.Shows.INTENT,
    )
    hold(attempt, "sale_started", bookings.sale_started(attempt.money))
    timeline(attempt, "challenge.answered", actor)
    return attempt


def _busy(charge: Charge) -> bool:
    return charge.operations.filter(state__in=Operation.OPEN).exists()
