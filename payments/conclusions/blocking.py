"""The end of a payment that nobody is asked for."""

from idempotency.keys import Answer
from payments import serializers
from payments.conclusions.drafts import EventDraft, as_json
from payments.errors import CardDeclined, decline_message, failure_code
from payments.models import Charge, PaymentIntent
from payments.serializers import failed_method

DECLINE_CODE = "fraudulent"


def block(charge: Charge) -> None:
    """What a fresh charge says from the start, as any other that was declined."""
    charge.decline_code = DECLINE_CODE
    charge.failure_code = failure_code(DECLINE_CODE)
    charge.failure_message = decline_message(DECLINE_CODE)


def events(charge: Charge, intent: PaymentIntent) -> list[EventDraft]:
    drafts = [EventDraft("charge.failed", charge.public_id, serializers.charge(charge))]
    if not intent.implicit:
        shown = serializers.payment_intent(intent, latest_charge=charge)
        drafts.append(EventDraft("payment_intent.payment_failed", intent.public_id, shown))
    return drafts


def answer(charge: Charge, intent: PaymentIntent) -> Answer:
    """402, with the intent for those who asked by it."""
    error = CardDeclined(
        charge=charge.public_id,
        code=charge.failure_code,
        decline_code=charge.decline_code,
        message=charge.failure_message,
    )
    body = error.body()
    if not intent.implicit:
        body["error"]["payment_method"] = failed_method(charge)
        body["error"]["payment_intent"] = serializers.payment_intent(intent, latest_charge=charge)
    return Answer(error.status, as_json(body))
