"""Gives up what a charge holds, or its open challenge: for a cancellation, an expiry, money that came late."""

from idempotency.keys import Answer
from payments.attempts import Actor, Attempt
from payments.models import Charge, Operation
from payments.services.pursue import carry_out
from payments.services.records import timeline
from payments.services.start import Errand, open_operation


def start_void(
    charge: Charge,
    cause: str,
    errand: Errand,
    *,
    shows: str = Operation.Shows.CHARGE,
    at_once: bool = False,
    note: str = "",
) -> Attempt:
    """Phase 1 of a void, inside the caller's transaction, under the charge's lock. `note`: a person's why."""
    attempt = open_operation(
        Operation.Kind.VOID, charge, charge.amount_minor, errand, shows=shows, cause=cause, at_once=at_once
    )
    timeline(attempt, "void.started", errand.actor, reason=note or cause)
    return attempt


def end_void(attempt: Attempt, actor: Actor) -> Answer:
    """The call and phase 2."""
    return carry_out(attempt, actor)
