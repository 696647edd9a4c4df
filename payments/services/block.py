"""Ends a payment that was blocked, in one transaction: nobody is ever asked, and whatever crashes leaves nothing that
somebody else could send."""

from dataclasses import replace

from core.db import in_transaction
from core.faults import fault_point
from idempotency.keys import Answer, Key
from idempotency.services import keep_answer, take
from payments.attempts import Actor
from payments.conclusions import blocking
from payments.fees import Plan
from payments.models import Charge, PaymentIntent
from payments.services.records import record_of, timeline_of_charge
from payments.services.start import new_charge
from processors.vault import TokenDetails
from risk.models import Decision
from webhooks.kick import kick

NOBODY = ""

before_commit = fault_point("block.before_commit")
after_commit = fault_point("block.after_commit")


def block_charge(
    intent: PaymentIntent, card: TokenDetails, decision: Decision, fees: Plan, actor: Actor, key: Key
) -> Answer:
    """For an intent that nobody has written yet. KeyTaken, and then nothing is written."""
    answer = _block_charge(intent, card, decision, fees, actor, key)
    told()
    return answer


@in_transaction
def _block_charge(
    intent: PaymentIntent, card: TokenDetails, decision: Decision, fees: Plan, actor: Actor, key: Key
) -> Answer:
    claim_id = take(key)
    # Anew where the transaction is run again.
    intent.pk = None
    intent.save(force_insert=True)
    answer = write_blocked(intent, card, decision, fees, actor, key.text)
    keep_answer(claim_id, answer)
    before_commit()
    return answer


def write_blocked(
    intent: PaymentIntent, card: TokenDetails, decision: Decision, fees: Plan, actor: Actor, key_text: str
) -> Answer:
    """The attempt as it ends, inside the caller's transaction: decision, charge, timeline, events; and what the
    client is told. The intent waits for another card already."""
    decision.pk = None
    decision.save(force_insert=True)
    charge = new_charge(intent, card, NOBODY, fees, decision, state=Charge.State.FAILED)
    blocking.block(charge)
    charge.save(force_insert=True)
    timeline_of_charge(charge, "charge.blocked", actor, reason=decision.reason)
    for draft in blocking.events(charge, intent):
        record_of(charge, draft, actor, idempotency_key=key_text)
    return replace(blocking.answer(charge, intent), original_request=actor.request_id)


def told() -> None:
    """After the commit of what was blocked."""
    after_commit()
    kick()
