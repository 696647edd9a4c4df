"""Charges a card: phase 1, the processor's call with nothing held, phase 2."""

from dataclasses import dataclass, field

from django.conf import settings

from core.errors import ResourceMissing, ServiceUnavailable
from core.ids import new_id
from core.rows import new_row
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from merchants.auth import Caller
from payments import agreed, routing
from payments.amounts import check_amount
from payments.attempts import Actor, Attempt
from payments.errors import TokenAlreadyUsed
from payments.models import Operation, PaymentIntent
from payments.services.block import block_charge
from payments.services.cards import facts_of, usable_card
from payments.services.judge import Origin, judge
from payments.services.orders import one_payment_per_order
from payments.services.pursue import pursue
from payments.services.resume import repeat, repeat_taken
from payments.services.start import charge_kind, new_charge, start_charge
from processors.vault import TokenDetails
from risk.models import Decision, Verdict


@dataclass(frozen=True, slots=True)
class NewCharge:
    """What a merchant asks for, already of the right shape."""

    amount_minor: int
    currency: str
    source: str
    capture: bool = True
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    receipt_email: str = ""
    statement_descriptor: str = ""
    statement_descriptor_suffix: str = ""
    order_reference: str = ""
    # The browser session that the customer's device was seen in.
    device: str = ""


def create_charge(*, caller: Caller, asked: NewCharge, key: Key) -> Answer:
    """Charges once per key. The answer: the charge (captured, or `pending` while the outcome is open), or a
    decline. Errors before anything is written: InvalidRequest and its leaves."""
    actor = Actor(caller.key_name, key.request_id)
    check_amount(asked.amount_minor, asked.currency)
    try:
        card = usable_card(caller, asked.source)
    except (ResourceMissing, TokenAlreadyUsed, ServiceUnavailable):
        # A repeated request finds its token used by the first one, or the vault away: its answer is kept already.
        if answer := repeat(key, actor):
            return answer
        raise
    intent = new_intent(caller, asked, card)
    origin = Origin(once=key.text, device=asked.device)
    decision = judge(intent, card, caller.merchant_public_id, origin, charge=new_id("ch"))
    try:
        if decision.effective == Verdict.BLOCK:
            intent.fail()
            return block_charge(intent, card, decision, agreed.fee_plan(caller.merchant_id), actor, key)
        attempt = new_attempt(caller, intent, card, decision)
        with one_payment_per_order(intent):
            start_charge(attempt, key, timeout_seconds=settings.PROCESSOR_TIMEOUT_SECONDS)
    except KeyTaken:
        return repeat_taken(key, actor)
    return pursue(attempt, actor)


def new_intent(caller: Caller, asked: NewCharge, card: TokenDetails) -> PaymentIntent:
    """What the charge is an attempt at. Nobody has written it yet."""
    return new_row(
        PaymentIntent,
        merchant_id=caller.merchant_id,
        livemode=caller.livemode,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        state=PaymentIntent.State.PROCESSING,
        implicit=True,
        capture_method="automatic" if asked.capture else "manual",
        source=asked.source,
        payment_method=card.card_id,
        order_reference=asked.order_reference,
        order_held=asked.order_reference or None,
        description=asked.description,
        metadata=asked.metadata,
        receipt_email=asked.receipt_email,
        statement_descriptor=asked.statement_descriptor,
        statement_descriptor_suffix=asked.statement_descriptor_suffix,
    )


def new_attempt(caller: Caller, intent: PaymentIntent, card: TokenDetails, decision: Decision) -> Attempt:
    """The rows of a charge that nobody has written yet."""
    route = routing.route(facts_of(intent, card, decision), seed=intent.public_id)
    processor = route.processors[0]
    fees = agreed.fee_plan(caller.merchant_id)
    charge = new_charge(intent, card, processor, fees, decision)
    operation = new_row(
        Operation,
        merchant_id=caller.merchant_id,
        livemode=caller.livemode,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        kind=charge_kind(charge),
        payment_intent=intent,
        charge=charge,
        processor=processor,
        actor=caller.key_name,
    )
    return Attempt(
        operation=operation,
        charge=charge,
        intent=intent,
        merchant=caller.merchant_public_id,
        fees=fees,
        settlement_days=caller.settlement_days,
        holds_reserve=agreed.holds_reserve(caller.merchant_id),
        routing_reason=route.reason,
        others=route.processors[1:],
    )
