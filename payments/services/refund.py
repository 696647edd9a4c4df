"""Gives a cardholder money back: bounded by what was captured, however many ask at once."""

from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from core.db import in_transaction
from core.errors import InvalidRequest, ResourceMissing
from core.faults import fault_point
from core.ids import new_id
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from idempotency.services import take
from merchants.auth import Caller
from payments import bookings, serializers
from payments.attempts import Actor, Attempt
from payments.errors import ChargeAlreadyRefunded, RefundExceedsCharge, RefundRefused
from payments.models import Charge, Operation, Refund
from payments.queries import charges, taken_minor
from payments.routing import check_configured
from payments.services.ask import ask_processor
from payments.services.conclude import EventDraft
from payments.services.finish import finish_operation, record, timeline
from payments.services.resume import repeat_taken
from payments.services.start import Claimed, hold, lease_seconds, open_operation

before_phase_1_commits = fault_point("refund.before_phase_1_commits")
after_phase_1 = fault_point("refund.after_phase_1")
after_processor = fault_point("refund.after_processor")


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What a merchant asks for; without an amount, all that is left. One of the two ids names the charge."""

    charge: str = ""
    payment_intent: str = ""
    amount_minor: int | None = None
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def create_refund(*, caller: Caller, asked: NewRefund, key: Key) -> Answer:
    """Refunds once per key. RefundRefused and its leaves before anything is written; afterwards the refund is
    `pending` until the processor's word is known."""
    actor = Actor(caller.key_name, key.request_id)
    try:
        attempt = _start(caller, asked, key, actor)
    except KeyTaken:
        return repeat_taken(key, actor)
    after_phase_1()
    outcome = ask_processor(attempt, timeout_seconds=settings.PROCESSOR_TIMEOUT_SECONDS)
    after_processor()
    return finish_operation(attempt.operation.pk, outcome, actor)


@in_transaction
def _start(caller: Caller, asked: NewRefund, key: Key, actor: Actor) -> Attempt:
    reference = new_id("op")
    claim_id = take(key, lease_seconds=lease_seconds(), operation=reference)
    # Locked first, summed after: the sum's own snapshot must be later than the wait for the lock.
    charge = _charge(caller, asked)
    check_configured(charge.processor)
    amount_minor = _amount(charge, asked)
    refund = Refund.objects.create(
        merchant_id=caller.merchant_id,
        livemode=caller.livemode,
        charge=charge,
        payment_intent=charge.payment_intent,
        amount_minor=amount_minor,
        currency=charge.currency,
        created_at=timezone.now(),
        reason=asked.reason,
        metadata=asked.metadata,
    )
    attempt = open_operation(
        Operation.Kind.REFUND, charge, amount_minor, Claimed(claim_id, reference, key, actor), refund=refund
    )
    hold(attempt, "refund_started", bookings.refund_started(attempt.money))
    timeline(attempt, "refund.started", actor, reason=asked.reason)
    record(attempt, EventDraft("refund.created", refund.public_id, serializers.refund(refund)))
    before_phase_1_commits()
    return attempt


def _charge(caller: Caller, asked: NewRefund) -> Charge:
    """The charge that is meant, locked."""
    own = charges(caller).select_for_update(no_key=True, of=("self",))
    if asked.charge:
        found = own.filter(public_id=asked.charge).first()
        if found is None:
            raise ResourceMissing("charge", asked.charge, param="charge")
        if asked.payment_intent and found.payment_intent.public_id != asked.payment_intent:
            raise InvalidRequest(
                f"Charge {asked.charge} does not belong to {asked.payment_intent}.", param="payment_intent"
            )
        return found
    if not asked.payment_intent:
        raise InvalidRequest("One of the following params should be provided: charge or payment_intent.")
    found = own.filter(payment_intent__public_id=asked.payment_intent).order_by("-pk").first()
    if found is None:
        raise ResourceMissing("payment_intent", asked.payment_intent, param="payment_intent")
    return found


def _amount(charge: Charge, asked: NewRefund) -> int:
    """What will be given back, in minor units; RefundRefused where that is not possible."""
    if charge.captured_minor is None:
        raise RefundRefused(
            f"Charge {charge.public_id} is {charge.state}: only a captured charge can be refunded.",
            param="charge",
        )
    left_minor = charge.captured_minor - taken_minor(charge)
    if left_minor <= 0:
        raise ChargeAlreadyRefunded(charge.public_id)
    if asked.amount_minor is None:
        return left_minor
    if asked.amount_minor <= 0:
        raise InvalidRequest(
            f"This value must be greater than or equal to 1 (got {asked.amount_minor}).",
            param="amount",
            code="parameter_invalid_integer",
        )
    if asked.amount_minor > left_minor:
        raise RefundExceedsCharge(
            asked_minor=asked.amount_minor,
            left_minor=left_minor,
            currency=charge.currency,
            charge=charge.public_id,
        )
    return asked.amount_minor
