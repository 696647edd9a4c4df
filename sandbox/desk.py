"""The bank's desk: takes an order, does its work once however often it comes, and says what was done.

Every method is one short transaction without an await: concurrent duplicates queue at the event loop.
"""

import datetime
import time
from typing import Literal

from sandbox import answers, bank
from sandbox.answers import Answer
from sandbox.bank import Authorization, Verdict
from sandbox.challenges import Announce, Challenges, new_codes, random_text
from sandbox.disputes import DisputeDesk
from sandbox.failing_refunds import FailingRefunds
from sandbox.notifications import type_of
from sandbox.orders import Authorize, Capture, Complete, Order, PayOut, Refund, Void, fingerprint
from sandbox.payouts import REFUSED, PayoutDesk
from sandbox.settlement import Settlements
from sandbox.store import Challenge, Operation, Store

Burial = Literal["voided", "tombstoned", "done"]


class ReferenceReused(Exception):
    """The reference is taken by another order. Nothing was done."""


class Desk:
    def __init__(self, store: Store, *, public_url: str, announce: Announce) -> None:
        """`announce` is called inside the transaction of what it tells of."""
        self._store = store
        self._public_url = public_url
        self._announce = announce
        self.challenges = Challenges(store, announce)
        self.failing_refunds = FailingRefunds(store, announce)
        self.settlements = Settlements(store)
        self.disputes = DisputeDesk(store, announce, self.settlements)
        self.payouts = PayoutDesk(store, announce, self.settlements.account)

    def perform(self, order: Order) -> Answer:
        """The stored answer when the reference is known, else the work and its answer."""
        mark = fingerprint(order, self._store.secret)
        with self._store.transaction():
            if known := self._store.operation(order.reference):
                if known.fingerprint != mark:
                    raise ReferenceReused
                return known.answer
            refused = self._store.tombstone(order.reference) is not None
            answer, after = self._refuse(order) if refused else self._decide(order)
            if isinstance(order, Complete) and answer["status"] == "action_required":
                # Not an answer yet: the same reference may hear another one later.
                return answer
            self._store.add_operation(Operation(order.reference, order.kind, mark, not refused, answer))
            self._write(order, answer, after)
        return answer

    def bury(self, reference: str) -> tuple[Burial, Answer | None]:
        """Void by reference. Afterwards the reference is no money for ever, unless the word is `done`.

        `voided`: an authorization was reversed. `tombstoned`: there was nothing to undo; what arrives late is
        declined. `done`: it was approved and stays, without a tombstone: so for captures, refunds and voids,
        and for authorizations that were captured or refunded under other references.
        """
        with self._store.transaction():
            known = self._store.operation(reference)
            reversed_before = self._store.tombstone(reference)
            if reversed_before:
                return "voided", known.answer if known else None
            if reversed_before is False:
                return "tombstoned", _worked(known)
            if known is None or known.answer["status"] == "declined":
                self._store.add_tombstone(reference, reversed_it=False)
                return "tombstoned", known.answer if known else None
            return self._reverse(known)

    def operation(self, reference: str) -> Answer | None:
        known = self._store.operation(reference)
        return known.answer if known else None

    def is_buried(self, reference: str) -> bool:
        return self._store.tombstone(reference) is not None

    def knows(self, reference: str) -> bool:
        return self._store.operation(reference) is not None or self.disputes.knows(reference)

    def last4(self, subject: Order | str) -> str | None:
        """Of the card that an order, or a reference, is about; None where the bank can't tell."""
        if isinstance(subject, Authorize):
            return subject.card.last4
        if isinstance(subject, str):
            known = self._store.operation(subject)
            if known is None or known.kind == "authorize":
                return self._store.last4(subject)
            if known.kind == "payout":
                return None
            authorization = self._store.authorization(known.answer["authorization"])
        elif isinstance(subject, PayOut):
            return None
        else:
            authorization = self._store.authorization(subject.authorization)
        return authorization.last4 if authorization else None

    def counts(self, reference: str | None) -> tuple[dict[str, int], dict[str, int]]:
        """How often each thing was really done, and how often approved; without what a tombstone refused."""
        done = {"authorize": 0, "complete": 0, "capture": 0, "void": 0, "refund": 0, "payout": 0}
        approved = dict(done)
        for kind, count, yes in self._store.worked(reference):
            done[kind], approved[kind] = count, yes
        done["tombstone"], done["reversal"] = self._store.buried(reference)
        return done, approved

    def newest(self, limit: int) -> list[Answer]:
        return self._store.newest(limit)

    def _refuse(self, order: Order) -> tuple[Answer, None]:
        return _header(order) | answers.refused(order, bank.TOMBSTONED), None

    def _decide(self, order: Order) -> tuple[Answer, Authorization | None]:
        """The answer, and the authorization afterwards (None: as before)."""
        header = _header(order)
        if isinstance(order, Authorize):
            today = datetime.datetime.now(datetime.UTC).date()
            decline_code, authorization = bank.authorize(order, header["id"], today)
            url = f"{self._public_url}/challenge/{authorization.id}"
            said = answers.authorized(order, authorization, decline_code, codes=new_codes(), url=url)
            return header | said, authorization
        if isinstance(order, PayOut):
            return header | answers.paid_out(order, REFUSED.get(order.account_number)), None
        before = self._store.authorization(order.authorization)
        if isinstance(order, Complete):
            return header | self._completed(order, before), None
        verdict = _follow(order, before)
        return header | answers.followed(order, before, verdict.decline_code), verdict.after

    def _completed(self, order: Complete, authorization: Authorization | None) -> Answer:
        challenged = authorization is not None and self._store.challenge(authorization.id) is not None
        known = self._store.operation(authorization.reference) if authorization and challenged else None
        return answers.completed(order, authorization, known.answer if known else None)

    def _write(self, order: Order, answer: Answer, after: Authorization | None) -> None:
        """What a new operation leaves behind it, beside its answer."""
        if isinstance(order, Void) and after:
            self._end_challenge(after)
        if after:
            self._store.save_authorization(after)
            if isinstance(order, Authorize) and after.state == "action_required":
                self._store.add_challenge(
                    Challenge(after.id, order.capture, order.descriptor, order.return_url)
                )
        self.failing_refunds.expect(answer)
        self.disputes.expect(answer)
        self.settlements.record(answer)
        self.payouts.expect(answer)
        if type_ := type_of(answer):
            self._announce(type_, order.reference)

    def _end_challenge(self, voided: Authorization) -> None:
        """An open challenge ends with its authorization, whose reference hears of it."""
        known = self._store.operation(voided.reference)
        if known and known.answer["status"] == "action_required":
            self._store.replace_answer(voided.reference, answers.challenge_ended(known.answer, bank.VOIDED))
            self._announce("authorization.voided", voided.reference)

    def _reverse(self, known: Operation) -> tuple[Burial, Answer]:
        authorization = self._store.authorization(known.answer["id"]) if known.kind == "authorize" else None
        if authorization is None:
            return "done", known.answer
        after = bank.reverse(authorization, captured_at_once=known.answer["captured"] > 0)
        if after is None:
            return "done", known.answer
        answer = answers.reversed_by_tombstone(known.answer, bank.TOMBSTONED)
        self._store.save_authorization(after)
        self.settlements.take_back(known.answer)
        self._store.replace_answer(known.reference, answer)
        self._store.add_tombstone(known.reference, reversed_it=True)
        self._announce("authorization.voided", known.reference)
        return "voided", answer


def _follow(order: Capture | Void | Refund, authorization: Authorization | None) -> Verdict:
    match order:
        case Capture():
            return bank.capture(authorization, order.amount_minor)
        case Void():
            return bank.void(authorization)
        case Refund():
            return bank.refund(authorization, order.amount_minor)


def _header(order: Order) -> Answer:
    return {
        # A completion's is its authorization's, as everything that follows it.
        "id": order.authorization if isinstance(order, Complete) else f"{order.id_prefix}_{random_text(20)}",
        "reference": order.reference,
        "kind": order.kind,
        "created": int(time.time()),
    }


def _worked(operation: Operation | None) -> Answer | None:
    """A tombstone's answer stays the same when its late arrival has come and was refused."""
    return operation.answer if operation and operation.worked else None
