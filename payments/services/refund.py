"""Gives a cardholder money back: bounded by what was captured, however many ask at once. What is only held is
set free instead."""

from dataclasses import dataclass, field

from django.utils import timezone

from core.db import in_transaction
from core.errors import InvalidRequest, ResourceMissing
from core.money import display
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from merchants.auth import Caller
from payments import bookings, serializers
from payments.amounts import check_positive
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import EventDraft
from payments.errors import (
    CallInProgress,
    ChargeAlreadyRefunded,
    ChargeDisputed,
    RefundExceedsCharge,
    RefundRefused,
    not_yet,
)
from payments.models import Charge, Operation, Refund
from payments.queries import (
    is_available,
    latest_charge,
    lock_charge,
    payment_intents,
    refusing_dispute,
    taken_minor,
)
from payments.routing import check_configured
from payments.services.pursue import carry_out
from payments.services.records import record, timeline
from payments.services.resume import repeat_taken
from payments.services.start import Errand, hold, open_operation
from payments.services.terms import hold_within_debt


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
    return carry_out(attempt, actor)


@in_transaction
def _start(caller: Caller, asked: NewRefund, key: Key, actor: Actor) -> Attempt:
    errand = Errand(actor, key).claimed()
    # Locked first, summed after: the sum's own snapshot must be later than the wait for the lock.
    charge = _charge(caller, asked)
    check_configured(charge.processor)
    is_held = charge.state == Charge.State.AUTHORIZED
    attempt = _void(charge, asked, errand) if is_held else _refund(charge, asked, errand)
    timeline(attempt, "refund.started", actor, reason=asked.reason)
    refund = attempt.refund
    assert refund is not None
    record(attempt, EventDraft("refund.created", refund.public_id, serializers.refund(refund)))
    return attempt


def _refund(charge: Charge, asked: NewRefund, errand: Errand) -> Attempt:
    return open_refund(
        charge, _amount(charge, asked), errand, reason=asked.reason, metadata=dict(asked.metadata)
    )


def open_refund(
    charge: Charge,
    amount_minor: int,
    errand: Errand,
    *,
    reason: str = "",
    metadata: dict[str, str] | None = None,
    at_once: bool = False,
) -> Attempt:
    """Phase 1 of a refund of captured money, inside the caller's transaction, under the charge's lock.
    RefundExceedsDebt."""
    from_available, is_late = is_available(charge), charge.late_of_id is not None
    refund = _row(charge, amount_minor, reason=reason, metadata=metadata or {}, from_available=from_available)
    attempt = open_operation(
        Operation.Kind.REFUND,
        charge,
        amount_minor,
        errand,
        shows=Operation.Shows.REFUND,
        refund=refund,
        at_once=at_once,
    )
    lines = bookings.refund_started(attempt.money, from_available=from_available)
    if is_late:
        # It goes back whatever the merchant owes.
        hold(attempt, "late_refund_started", lines)
    else:
        hold_within_debt(attempt, "refund_started", lines)
    return attempt


def _void(charge: Charge, asked: NewRefund, errand: Errand) -> Attempt:
    """What is held but not taken is set free, whole: no money moves."""
    if charge.operations.filter(state__in=Operation.OPEN).exists():
        raise CallInProgress(charge.public_id)
    if asked.amount_minor not in (None, charge.amount_minor):
        raise RefundRefused(
            f"Charge {charge.public_id} is not captured: its {display(charge.amount_minor, charge.currency)} can "
            "only be released whole. Capture the part that you want to keep instead.",
            param="amount",
        )
    refund = _row(charge, charge.amount_minor, reason=asked.reason, metadata=dict(asked.metadata), voids=True)
    return open_operation(
        Operation.Kind.VOID,
        charge,
        charge.amount_minor,
        errand,
        shows=Operation.Shows.REFUND,
        cause=Operation.Cause.REFUNDED,
        refund=refund,
    )


def _row(
    charge: Charge,
    amount_minor: int,
    *,
    reason: str,
    metadata: dict[str, str],
    voids: bool = False,
    from_available: bool = False,
) -> Refund:
    return Refund.objects.create(
        merchant_id=charge.merchant_id,
        livemode=charge.livemode,
        charge=charge,
        payment_intent=charge.payment_intent,
        amount_minor=amount_minor,
        currency=charge.currency,
        created_at=timezone.now(),
        voids=voids,
        from_available=from_available,
        reason=reason,
        metadata=metadata,
    )


def _charge(caller: Caller, asked: NewRefund) -> Charge:
    """The charge that is meant, locked."""
    if asked.charge:
        found = lock_charge(caller, asked.charge, param="charge")
        if asked.payment_intent and found.payment_intent.public_id != asked.payment_intent:
            raise InvalidRequest(
                f"Charge {asked.charge} does not belong to {asked.payment_intent}.", param="payment_intent"
            )
        return found
    if not asked.payment_intent:
        raise InvalidRequest("One of the following params should be provided: charge or payment_intent.")
    own = payment_intents(caller).filter(public_id=asked.payment_intent).first()
    if own is None:
        raise ResourceMissing("payment_intent", asked.payment_intent, param="payment_intent")
    latest = latest_charge(own)
    if latest is None:
        raise RefundRefused(f"{own.public_id} has no charge that could be refunded.", param="payment_intent")
    return lock_charge(caller, latest.public_id, param="charge")


def _amount(charge: Charge, asked: NewRefund) -> int:
    """What will be given back, in minor units; RefundRefused where that is not possible."""
    if charge.captured_minor is None:
        raise not_yet(
            charge,
            RefundRefused(
                f"Charge {charge.public_id} is {charge.state}: only a captured charge can be refunded.",
                param="charge",
            ),
        )
    if dispute := refusing_dispute(charge):
        raise ChargeDisputed(charge.public_id, dispute.public_id)
    left_minor = charge.captured_minor - taken_minor(charge)
    if left_minor <= 0:
        raise ChargeAlreadyRefunded(charge.public_id)
    if asked.amount_minor is None:
        return left_minor
    check_positive(asked.amount_minor)
    if asked.amount_minor > left_minor:
        raise RefundExceedsCharge(
            asked_minor=asked.amount_minor,
            left_minor=left_minor,
            currency=charge.currency,
            charge=charge.public_id,
        )
    return asked.amount_minor
