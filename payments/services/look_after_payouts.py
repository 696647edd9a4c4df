"""Asks what became of payouts that are under way, or that a bank may still send back."""

import logging

from django.utils import timezone

from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from payments.attempts import Actor
from payments.conclusions.paying_out import next_look
from payments.models import Payout
from payments.services.learn import learn

CLAIM_PAYOUTS = load_statement("claim_payouts.sql")
BATCH = 50
LEASE_SECONDS = 120
BEAT = Actor("beat")

log = logging.getLogger("tollgate.payments")
after_claim = fault_point("look_after_payouts.after_claim")


def look_after_payouts() -> int:
    """Each payout that is due, once; how many. Two at once never take the same one."""
    due = run_statement(CLAIM_PAYOUTS, {"limit": BATCH, "lease_seconds": LEASE_SECONDS})
    for row in due:
        after_claim()
        try:
            learn(Payout.objects.get(pk=row.id).operations.get().public_id, BEAT)
            _look_again(row.id)
        except Exception:
            # One that fails must not hold the others up; it is due again by its own row.
            log.exception("payout %s could not be looked after", row.id)
        finally:
            release_connection()
    return len(due)


@in_transaction
def _look_again(payout_id: int) -> None:
    payout = Payout.objects.select_for_update(no_key=True).get(pk=payout_id)
    if payout.state in (Payout.State.IN_TRANSIT, Payout.State.PAID):
        payout.next_look_at = next_look(payout, timezone.now())
        payout.save(update_fields=["next_look_at"])
