"""Takes the money that an authorization holds: all of it or part, once."""

from django.conf import settings

from core.db import in_transaction
from core.errors import InvalidRequest, ResourceMissing
from core.ids import new_id
from core.money import display
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from idempotency.services import take
from merchants.auth import Caller
from payments import bookings
from payments.attempts import Actor, Attempt
from payments.errors import CaptureInProgress, CaptureRefused, ChargeAlreadyCaptured
from payments.models import Charge, Operation
from payments.queries import charges
from payments.routing import check_configured
from payments.services.ask import ask_processor
from payments.services.finish import finish_operation, timeline
from payments.services.resume import repeat_taken
from payments.services.start import Claimed, hold, lease_seconds, open_operation


def capture_charge(*, caller: Caller, charge: str, amount_minor: int | None, key: Key) -> Answer:
    """Captures once per key; without an amount, all that was authorized. The rest is released.

    CaptureRefused and its leaves before anything is written; afterwards the charge is shown as it is until the
    processor's word is known.
    """
    actor = Actor(caller.key_name, key.request_id)
    try:
        attempt = _start(caller, charge, amount_minor, key, actor)
    except KeyTaken:
        return repeat_taken(key, actor)
    outcome = ask_processor(attempt, timeout_seconds=settings.PROCESSOR_TIMEOUT_SECONDS)
    return finish_operation(attempt.operation.pk, outcome, actor)


@in_transaction
def _start(caller: Caller, public_id: str, amount_minor: int | None, key: Key, actor: Actor) -> Attempt:
    reference = new_id("op")
    claim_id = take(key, lease_seconds=lease_seconds(), operation=reference)
    own = charges(caller).select_for_update(no_key=True, of=("self",))
    charge = own.filter(public_id=public_id).first()
    if charge is None:
        raise ResourceMissing("charge", public_id, in_path=True)
    check_configured(charge.processor)
    amount_minor = _amount(charge, amount_minor)
    attempt = open_operation(
        Operation.Kind.CAPTURE, charge, amount_minor, Claimed(claim_id, reference, key, actor)
    )
    hold(attempt, "sale_started", bookings.sale_started(attempt.money))
    timeline(attempt, "capture.started", actor)
    return attempt


def _amount(charge: Charge, asked_minor: int | None) -> int:
    """What will be captured, in minor units."""
    if charge.state == Charge.State.CAPTURED:
        raise ChargeAlreadyCaptured(charge.public_id)
    if charge.state != Charge.State.AUTHORIZED:
        raise CaptureRefused(
            f"Charge {charge.public_id} is {charge.state}: only an authorized charge can be captured."
        )
    if charge.operations.filter(state__in=Operation.OPEN).exists():
        raise CaptureInProgress(charge.public_id)
    if asked_minor is None:
        return charge.amount_minor
    if asked_minor <= 0:
        raise InvalidRequest(
            f"This value must be greater than or equal to 1 (got {asked_minor}).",
            param="amount",
            code="parameter_invalid_integer",
        )
    if asked_minor > charge.amount_minor:
        raise CaptureRefused(
            f"{display(asked_minor, charge.currency)} is more than the "
            f"{display(charge.amount_minor, charge.currency)} that charge {charge.public_id} holds.",
            param="amount",
        )
    return asked_minor
