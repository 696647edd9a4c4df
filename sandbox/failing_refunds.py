"""Refunds that come back: approved at first, and some time later failed, because the card was gone."""

import time

from sandbox import answers, bank
from sandbox.answers import Answer
from sandbox.challenges import Announce
from sandbox.settlement import Settlements
from sandbox.store import Store

# What a refund of the card that is made for this has in its answer.
SCENARIO = "refund_fails_later"
USUAL_SECONDS = 2.0


class FailingRefunds:
    def __init__(self, store: Store, announce: Announce) -> None:
        self._store = store
        self._announce = announce
        self._settlements = Settlements(store)
        # For the refunds that are still to come; each keeps the time it was given.
        self.after_seconds = USUAL_SECONDS

    def expect(self, answer: Answer) -> None:
        """Call it for each new answer, inside its transaction."""
        if (answer["kind"], answer["status"], answer["scenario"]) == ("refund", "approved", SCENARIO):
            self._store.add_failing_refund(answer["reference"], time.time() + self.after_seconds)

    def fail_due(self) -> None:
        """The money of those whose time has come is the merchant's again, and their stored answers say so."""
        if (due := self.next_due()) is None or due > time.time():
            return
        with self._store.transaction():
            for reference in self._store.take_failing_refunds(time.time()):
                operation = self._store.operation(reference)
                assert operation is not None
                authorization = self._store.authorization(operation.answer["authorization"])
                assert authorization is not None
                self._store.save_authorization(
                    bank.refund_came_back(authorization, operation.answer["amount"])
                )
                failed = answers.refund_failed(operation.answer)
                self._store.replace_answer(reference, failed)
                self._settlements.record(failed)
                self._announce("refund.failed", reference)

    def next_due(self) -> float | None:
        return self._store.next_failing_refund()
