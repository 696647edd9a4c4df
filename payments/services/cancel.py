"""Cancels an intent: at once where nothing is held, else by voiding at the processor what is."""

from typing import Any

from django.utils import timezone

from core.db import in_transaction
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from idempotency.services import answer_once
from merchants.auth import Caller
from payments import queries
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import EventDraft, shown_intent
from payments.errors import CallInProgress, unexpected_state
from payments.models import Operation, PaymentIntent
from payments.queries import lock_charge_of_intent
from payments.services.learn import learn_of_charge
from payments.services.records import record_of, timeline_of_intent
from payments.services.resume import repeat_taken
from payments.services.start import Errand
from payments.services.void import end_void, start_void

HELD = (PaymentIntent.State.REQUIRES_ACTION, PaymentIntent.State.REQUIRES_CAPTURE)


def cancel_intent(
    *, caller: Caller, intent: str, reason: str, key: Key | None, request_id: str = "", note: str = ""
) -> Answer:
    """Cancels once per key. UnexpectedState for an intent that is paid, canceled, or whose outcome is open: money
    may have been taken, so nobody may count on its being canceled. `note`: why, for the timeline."""
    actor = Actor(caller.key_name, key.request_id if key else request_id)
    found = queries.payment_intent(caller, intent)
    if found.state in HELD:
        return _give_up(caller, intent, reason, key, actor, note)
    return answer_once(key, lambda: cancel_unpaid(caller, intent, reason, key, actor))


def cancel_unpaid(caller: Caller, intent: str, reason: str, key: Key | None, actor: Actor) -> dict[str, Any]:
    """Cancels an intent of which no processor has anything, inside the caller's transaction; as it is shown then.
    UnexpectedState for any other."""
    charge, row = lock_charge_of_intent(caller, intent)
    if row.state not in PaymentIntent.EDITABLE:
        raise unexpected_state(row, "canceled", shown=shown_intent(row, charge))
    row.cancel()
    row.canceled_at = timezone.now()
    row.cancellation_reason = reason
    row.save()
    timeline_of_intent(row, "intent.canceled", actor, reason=reason)
    shown = shown_intent(row, charge)
    canceled = EventDraft("payment_intent.canceled", row.public_id, shown)
    record_of(row, canceled, actor, idempotency_key=key.text if key else "")
    return shown


def _give_up(caller: Caller, intent: str, reason: str, key: Key | None, actor: Actor, note: str) -> Answer:
    @in_transaction
    def start() -> Attempt:
        errand = Errand(actor, key).claimed()
        charge, row = lock_charge_of_intent(caller, intent)
        if row.state not in HELD or charge is None:
            raise unexpected_state(row, "canceled", shown=shown_intent(row, charge))
        if charge.operations.filter(state__in=Operation.OPEN).exists():
            raise CallInProgress(charge.public_id)
        row.cancellation_reason = reason
        row.save(update_fields=["cancellation_reason"])
        return start_void(charge, Operation.Cause.CANCELED, errand, shows=Operation.Shows.INTENT, note=note)

    try:
        attempt = start()
    except KeyTaken:
        assert key is not None
        return repeat_taken(key, actor)
    answer = end_void(attempt, actor)
    # A processor that does not let go of a challenge has done more than we know.
    learn_of_charge(attempt.charge.pk, actor)
    return answer
