"""Looks after charges that wait: for a cardholder who may never come back, for a capture that may never come."""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from payments.attempts import Actor, Attempt
from payments.models import Charge, Operation
from payments.queries import with_intent
from payments.services.learn import learn_of_charge
from payments.services.start import Errand
from payments.services.void import end_void, start_void

CLAIM_WAITING = load_statement("claim_waiting.sql")
BATCH = 50
LEASE_SECONDS = 120
# A challenge is asked about a minute after it began, then after as long again as it has lasted.
FIRST_LOOK = timedelta(seconds=60)
BEAT = Actor("beat")

log = logging.getLogger("tollgate.payments")
after_claim = fault_point("look_after_charges.after_claim")


def look_after_charges() -> int:
    """Each charge that is due, once; how many. Two at once never take the same one."""
    due = run_statement(CLAIM_WAITING, {"limit": BATCH, "lease_seconds": LEASE_SECONDS})
    for row in due:
        after_claim()
        try:
            look_after(row.id)
        except Exception:
            # One that fails must not hold the others up; it is due again by its own row.
            log.exception("charge %s could not be looked after", row.id)
        finally:
            release_connection()
    return len(due)


def look_after(charge_id: int) -> None:
    """Learns what became of a challenge, ends it when its time is over, expires what was not captured in time."""
    learn_of_charge(charge_id, BEAT)
    attempt = _give_up(charge_id, timezone.now())
    if attempt is not None:
        end_void(attempt, BEAT)


@in_transaction
def _give_up(charge_id: int, now: datetime) -> Attempt | None:
    """A void where the charge's time is over; else when to look again."""
    charge = with_intent(Charge.objects.select_for_update(no_key=True).get(pk=charge_id))
    assert charge is not None
    match charge.state:
        case Charge.State.REQUIRES_ACTION:
            until, cause = charge.action_until, Operation.Cause.ABANDONED
            again = now + max(FIRST_LOOK, now - charge.created_at)
        case Charge.State.AUTHORIZED:
            until, cause = charge.capture_before, Operation.Cause.EXPIRED
            again = now + timedelta(days=1)
        case _:
            return None
    assert until is not None
    if charge.operations.filter(state__in=Operation.OPEN).exists():
        # Its outcome decides first.
        return None
    if until <= now:
        return start_void(charge, cause, Errand(BEAT))
    charge.next_look_at = min(again, until)
    charge.save(update_fields=["next_look_at"])
    return None
