"""Takes the money that an authorization holds: all of it or part, once; the rest is set free."""

from collections.abc import Callable

from django.utils import timezone

from core.db import in_transaction
from core.money import display
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from merchants.auth import Caller
from payments import bookings
from payments.amounts import check_positive
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import shown_intent
from payments.errors import (
    CallInProgress,
    CaptureRefused,
    ChargeAlreadyCaptured,
    UnderReview,
    not_yet,
    unexpected_state,
)
from payments.models import Charge, Operation
from payments.queries import lock_charge, lock_charge_of_intent
from payments.routing import check_configured
from payments.services.pursue import carry_out
from payments.services.records import timeline
from payments.services.resume import repeat_taken
from payments.services.start import Errand, hold, open_operation
from risk.models import Review


def capture_charge(
    *, caller: Caller, charge: str, amount_minor: int | None, key: Key, note: str = ""
) -> Answer:
    """Captures once per key; without an amount, all that was authorized. The rest is released. `note`: why, for the
    timeline.

    CaptureRefused and its leaves before anything is written; afterwards the charge is shown as it is until the
    processor's word is known.
    """

    def find() -> Charge:
        return lock_charge(caller, charge, in_path=True)

    return _capture(caller, find, amount_minor, key, Operation.Shows.CHARGE, param="amount", note=note)


def capture_intent(*, caller: Caller, intent: str, amount_minor: int | None, key: Key) -> Answer:
    """The same for the charge that an intent holds. UnexpectedState where it holds none."""

    def find() -> Charge:
        charge, owner = lock_charge_of_intent(caller, intent)
        if charge is None or charge.state != Charge.State.AUTHORIZED:
            raise unexpected_state(owner, "captured", shown=shown_intent(owner, charge))
        return charge

    return _capture(caller, find, amount_minor, key, Operation.Shows.INTENT, param="amount_to_capture")


def _capture(
    caller: Caller,
    find: Callable[[], Charge],
    amount_minor: int | None,
    key: Key,
    shows: str,
    *,
    param: str,
    note: str = "",
) -> Answer:
    actor = Actor(caller.key_name, key.request_id)

    @in_transaction
    def start() -> Attempt:
        errand = Errand(actor, key).claimed()
        charge = find()
        return open_capture(charge, _amount(charge, amount_minor, param), errand, shows=shows, note=note)

    try:
        attempt = start()
    except KeyTaken:
        return repeat_taken(key, actor)
    return carry_out(attempt, actor)


def open_capture(
    charge: Charge, amount_minor: int, errand: Errand, *, shows: str = Operation.Shows.CHARGE, note: str = ""
) -> Attempt:
    """Phase 1, inside the caller's transaction, under the charge's lock."""
    check_configured(charge.processor)
    attempt = open_operation(Operation.Kind.CAPTURE, charge, amount_minor, errand, shows=shows)
    hold(attempt, "sale_started", bookings.sale_started(attempt.money))
    timeline(attempt, "capture.started", errand.actor, reason=note)
    return attempt


def _check_reviewed(charge: Charge) -> None:
    """UnderReview, or CaptureRefused where it was not approved."""
    review = Review.objects.filter(public_id=charge.review).first() if charge.review else None
    if review is None or review.closed_reason == Review.ClosedReason.APPROVED:
        return
    if review.state == Review.State.OPEN:
        raise UnderReview(charge.public_id, review.public_id)
    raise CaptureRefused(
        f"Charge {charge.public_id} was not approved by its review {review.public_id}: it can only be released."
    )


def _amount(charge: Charge, asked_minor: int | None, param: str) -> int:
    """What will be captured, in minor units."""
    if charge.state == Charge.State.CAPTURED:
        raise ChargeAlreadyCaptured(charge.public_id)
    if charge.state != Charge.State.AUTHORIZED:
        raise not_yet(
            charge,
            CaptureRefused(
                f"Charge {charge.public_id} is {charge.state}: only an authorized charge can be captured."
            ),
        )
    if charge.capture_before is not None and charge.capture_before <= timezone.now():
        raise CaptureRefused(
            f"Charge {charge.public_id} could be captured until {charge.capture_before:%Y-%m-%d %H:%M} UTC; "
            "its authorization has expired.",
            code="charge_expired_for_capture",
        )
    _check_reviewed(charge)
    if charge.operations.filter(state__in=Operation.OPEN).exists():
        raise CallInProgress(charge.public_id)
    if asked_minor is None:
        return charge.amount_minor
    check_positive(asked_minor, param=param)
    if asked_minor > charge.amount_minor:
        raise CaptureRefused(
            f"{display(asked_minor, charge.currency)} is more than the "
            f"{display(charge.amount_minor, charge.currency)} that charge {charge.public_id} holds.",
            param=param,
        )
    return asked_minor
