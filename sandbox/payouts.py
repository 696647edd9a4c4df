"""Payouts: taken in at once, on their account some seconds later, or not at all; some come back after that.

What happens is in the account number: Stripe's test numbers where it has one, any other number is paid.
"""

import time
from dataclasses import dataclass

from sandbox.account import Account
from sandbox.answers import Answer
from sandbox.challenges import Announce
from sandbox.store import Store

USUAL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Fate:
    """`failure` is why it never arrives; with `returned`, why it comes back after it has."""

    failure: str = ""
    returned: bool = False


PAID = Fate()
FATES = {
    "000123456789": PAID,
    "000111111116": Fate("no_account"),
    "000111111113": Fate("account_closed"),
    "000222222227": Fate("insufficient_funds"),
    "000333333335": Fate("debit_not_authorized"),
    # Ours: on the account first, and sent back some seconds later.
    "000555555559": Fate("account_closed", returned=True),
}
# Turned away at the counter.
REFUSED = {"000444444440": "invalid_currency"}


class PayoutDesk:
    def __init__(self, store: Store, announce: Announce, account: Account) -> None:
        self._store = store
        self._announce = announce
        self._account = account
        # Until a payout arrives, and again until it comes back; each keeps the time it was given.
        self.after_seconds = USUAL_SECONDS

    def expect(self, answer: Answer) -> None:
        """Call it for each new answer, inside its transaction."""
        if (answer["kind"], answer["status"]) == ("payout", "approved"):
            fate = FATES.get(answer["scenario"], PAID)
            self._plan(answer["reference"], "failed" if fate.failure and not fate.returned else "paid")

    def act_on_due(self) -> None:
        """Those whose time has come are paid, or sent back; their stored answers say so."""
        if (due := self.next_due()) is None or due > time.time():
            return
        with self._store.transaction():
            db = self._store.connection
            rows = db.execute(
                "DELETE FROM coming_payouts WHERE due <= ? RETURNING reference, step", (time.time(),)
            ).fetchall()
            for reference, step in rows:
                self._take(reference, step)

    def next_due(self) -> float | None:
        (due,) = self._store.connection.execute("SELECT min(due) FROM coming_payouts").fetchone()
        return due if due is None else float(due)

    def _take(self, reference: str, step: str) -> None:
        operation = self._store.operation(reference)
        assert operation is not None
        fate = FATES.get(operation.answer["scenario"], PAID)
        failure = fate.failure if step == "failed" else None
        self._store.replace_answer(reference, operation.answer | {"status": step, "failure_reason": failure})
        if step == "paid" or fate.returned:
            self._account.pay_out(operation.answer, returned=step == "failed")
        self._announce(f"payout.{step}", reference)
        if step == "paid" and fate.returned:
            self._plan(reference, "failed")

    def _plan(self, reference: str, step: str) -> None:
        self._store.connection.execute(
            "INSERT INTO coming_payouts VALUES (?, ?, ?)", (reference, time.time() + self.after_seconds, step)
        )
