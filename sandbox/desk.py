"""The bank's desk: takes an order, does its work once however often it comes, and says what was done.

Every method is one short transaction without an await: concurrent duplicates queue at the event loop.
"""

import datetime
import secrets
import string
import time
from typing import Literal

from sandbox import answers, bank
from sandbox.answers import Answer
from sandbox.bank import Authorization, Verdict
from sandbox.orders import Authorize, Capture, Order, Refund, Void, fingerprint
from sandbox.store import Operation, Store

Burial = Literal["voided", "tombstoned", "done"]
# Letters among the digits: an id must not look like a card number to whoever redacts those.
ALPHABET = string.ascii_lowercase + string.digits


class ReferenceReused(Exception):
    """The reference is taken by another order. Nothing was done."""


class Desk:
    def __init__(self, store: Store, *, public_url: str) -> None:
        self._store = store
        self._public_url = public_url

    def perform(self, order: Order) -> Answer:
        """The stored answer when the reference is known, else the work and its answer."""
        mark = fingerprint(order, self._store.secret)
        with self._store.transaction():
            if known := self._store.operation(order.reference):
                if known.fingerprint != mark:
                    raise ReferenceReused
                return known.answer
            refused = self._store.tombstone(order.reference) is not None
            new_id = f"{order.id_prefix}_{_random_text(20)}"
            if refused:
                said, authorization = answers.refused(order, bank.TOMBSTONED), None
            else:
                said, authorization = self._decide(order, new_id)
            answer = _header(order, new_id) | said
            self._store.add_operation(Operation(order.reference, order.kind, mark, not refused, answer))
            if authorization:
                self._store.save_authorization(authorization)
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

    def counts(self, reference: str | None) -> tuple[dict[str, int], dict[str, int]]:
        """How often each thing was really done, and how often approved; without what a tombstone refused."""
        done = {"authorize": 0, "capture": 0, "void": 0, "refund": 0}
        approved = dict(done)
        for kind, count, yes in self._store.worked(reference):
            done[kind], approved[kind] = count, yes
        done["tombstone"], done["reversal"] = self._store.buried(reference)
        return done, approved

    def newest(self, limit: int) -> list[Answer]:
        return self._store.newest(limit)

    def _decide(self, order: Order, new_id: str) -> tuple[Answer, Authorization | None]:
        if isinstance(order, Authorize):
            today = datetime.datetime.now(datetime.UTC).date()
            decline_code, authorization = bank.authorize(order, new_id, today)
            codes = (f"{secrets.randbelow(10**6):06}", _random_text(15).upper())
            url = f"{self._public_url}/challenge/{new_id}"
            return answers.authorized(order, authorization, decline_code, codes=codes, url=url), authorization
        before = self._store.authorization(order.authorization)
        verdict = _follow(order, before)
        return answers.followed(order, before, verdict.decline_code), verdict.after

    def _reverse(self, known: Operation) -> tuple[Burial, Answer]:
        authorization = self._store.authorization(known.answer["id"]) if known.kind == "authorize" else None
        if authorization is None:
            return "done", known.answer
        after = bank.reverse(authorization, captured_at_once=known.answer["captured"] > 0)
        if after is None:
            return "done", known.answer
        answer = answers.reversed_by_tombstone(known.answer, bank.TOMBSTONED)
        self._store.save_authorization(after)
        self._store.replace_answer(known.reference, answer)
        self._store.add_tombstone(known.reference, reversed_it=True)
        return "voided", answer


def _follow(order: Capture | Void | Refund, authorization: Authorization | None) -> Verdict:
    match order:
        case Capture():
            return bank.capture(authorization, order.amount_minor)
        case Void():
            return bank.void(authorization)
        case Refund():
            return bank.refund(authorization, order.amount_minor)


def _header(order: Order, new_id: str) -> Answer:
    return {"id": new_id, "reference": order.reference, "kind": order.kind, "created": int(time.time())}


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _worked(operation: Operation | None) -> Answer | None:
    """A tombstone's answer stays the same when its late arrival has come and was refused."""
    return operation.answer if operation and operation.worked else None
