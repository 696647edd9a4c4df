"""Disputes: cardholders who want their money back from their own bank. Opened for the cards that are made for it, or
on demand; decided by the evidence, by the due date, or on demand. The rules are pure functions; `DisputeDesk`
keeps them."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.answers import Answer
from sandbox.challenges import Announce, random_text
from sandbox.dispute_store import DisputeStore
from sandbox.settlement import Settlements
from sandbox.store import Store

# What cards made for it lead to: the reason, and whether it is an inquiry first.
SCENARIOS = {
    "dispute_fraudulent": ("fraudulent", False),
    "dispute_product_not_received": ("product_not_received", False),
    "inquiry": ("product_not_received", True),
}
# Visa's codes for the reasons that this bank knows; others have none.
NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "duplicate": "12.6", "general": ""}
WINNING, LOSING = "winning_evidence", "losing_evidence"
NEEDS_RESPONSE = ("needs_response", "warning_needs_response")
UNDER_REVIEW = ("under_review", "warning_under_review")
# Where each outcome leads from; an inquiry that is lost becomes a dispute with a due date of its own.
OUTCOMES = {
    "won": {"needs_response": "won", "under_review": "won"},
    "lost": {"needs_response": "lost", "under_review": "lost"},
    "closed": {"warning_needs_response": "warning_closed", "warning_under_review": "warning_closed"},
    "escalated": {"warning_needs_response": "needs_response", "warning_under_review": "needs_response"},
}


class UnknownDispute(Exception):
    """There is none of that id, or no authorization that could be disputed."""


class NotAllowed(Exception):
    """The dispute is not where that is possible. Nothing was done."""


class ReferenceReused(Exception):
    """The reference is taken by another order. Nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    id: str
    authorization: str
    reference: str
    amount_minor: int
    currency: str
    reason: str
    state: str
    due_by: float
    opened: float
    evidence: dict[str, str] = field(default_factory=dict)
    submissions: int = 0
    # When the bank goes on with it by itself; None once it has ended.
    act_at: float | None = None

    def as_json(self) -> Answer:
        return {
            "id": self.id,
            "authorization": self.authorization,
            "reference": self.reference,
            "amount": self.amount_minor,
            "currency": self.currency,
            "reason": self.reason,
            "network_reason_code": NETWORK_CODES.get(self.reason, ""),
            "status": self.state,
            "due_by": int(self.due_by),
            "created": int(self.opened),
            "evidence": self.evidence,
            "submissions": self.submissions,
        }


@dataclass(slots=True)
class Pace:
    """How fast things go at this bank, for what is still to come."""

    opens_after_seconds: float = 1.0
    due_after_seconds: float = 7 * 86_400.0
    decides_after_seconds: float = 1.0


def answered(dispute: Dispute, evidence: dict[str, str], *, submit: bool, act_at: float) -> Dispute:
    """Evidence adds to what was there. NotAllowed once it was submitted or the dispute has ended."""
    if dispute.state not in NEEDS_RESPONSE:
        raise NotAllowed
    kept = replace(dispute, evidence=dispute.evidence | evidence)
    if not submit:
        return kept
    state = dict(zip(NEEDS_RESPONSE, UNDER_REVIEW, strict=True))[dispute.state]
    decides = kept.evidence.get("uncategorized_text") in (WINNING, LOSING)
    return replace(
        kept, state=state, submissions=kept.submissions + 1, act_at=act_at if decides else dispute.due_by
    )


def ended(dispute: Dispute, outcome: str, *, due_by: float) -> Dispute:
    """NotAllowed where the outcome is none for it."""
    state = OUTCOMES[outcome].get(dispute.state)
    if state is None:
        raise NotAllowed
    if outcome == "escalated":
        return replace(dispute, state=state, due_by=due_by, act_at=due_by)
    return replace(dispute, state=state, act_at=None)


def outcome_by_itself(dispute: Dispute) -> str:
    """What the bank decides when nobody orders anything: for the cardholder, unless the evidence says otherwise."""
    told = dispute.evidence.get("uncategorized_text") if dispute.submissions else None
    if dispute.state.startswith("warning"):
        return "escalated" if told == LOSING else "closed"
    return "won" if told == WINNING else "lost"


class DisputeDesk:
    """Every method is one short transaction, as the desk's."""

    def __init__(self, store: Store, announce: Announce, settlements: Settlements) -> None:
        self._books = store
        self._settlements = settlements
        self._store = DisputeStore(store.connection)
        self._announce = announce
        self.pace = Pace()

    def expect(self, answer: Answer) -> None:
        """Call it for each new answer, inside its transaction: a sale with a card that is made for it is disputed."""
        if answer["kind"] in ("authorize", "capture") and answer["status"] == "approved":
            taken = answer["kind"] == "capture" or answer["captured"]
            if taken and answer["scenario"] in SCENARIOS:
                authorization = answer["authorization"] if answer["kind"] == "capture" else answer["id"]
                self._store.expect(authorization, time.time() + self.pace.opens_after_seconds)

    def open(
        self, authorization_id: str, *, reason: str, inquiry: bool = False, amount_minor: int | None = None
    ) -> Answer:
        """On demand. UnknownDispute where nothing was captured."""
        with self._books.transaction():
            return self._open(authorization_id, reason, inquiry, amount_minor)

    def authorization_of(self, reference: str) -> str | None:
        """The authorization that a reference is about, for those who know the reference alone."""
        operation = self._books.operation(reference)
        if operation is None:
            return None
        return str(operation.answer.get("authorization") or operation.answer["id"])

    def dispute(self, dispute_id: str) -> Answer:
        return self._known(dispute_id).as_json()

    def of_authorization(self, authorization_id: str) -> list[Answer]:
        """The oldest first."""
        return [_read(row).as_json() for row in self._store.of_authorization(authorization_id)]

    def newest(self, limit: int) -> list[Answer]:
        return [_read(row).as_json() for row in self._store.newest(limit)]

    def since(self, moment: int) -> list[Answer]:
        """Those that were opened since then, the oldest first; at most so many that an answer stays short."""
        return [_read(row).as_json() for row in self._store.since(moment)]

    def knows(self, reference: str) -> bool:
        return self._store.order(reference) is not None

    def answer(self, dispute_id: str, reference: str, evidence: dict[str, str], *, submit: bool) -> Answer:
        """Takes evidence, and with `submit` the bank begins to look at it; once per reference."""

        def work(dispute: Dispute) -> Dispute:
            act_at = time.time() + self.pace.decides_after_seconds
            return answered(dispute, evidence, submit=submit, act_at=act_at)

        return self._order(dispute_id, reference, ["evidence", evidence, submit], work)

    def accept(self, dispute_id: str, reference: str) -> Answer:
        """The merchant gives in; once per reference. An inquiry can't be accepted: it asks, and takes nothing."""

        def work(dispute: Dispute) -> Dispute:
            if dispute.state != "needs_response":
                raise NotAllowed
            return ended(dispute, "lost", due_by=dispute.due_by)

        return self._order(dispute_id, reference, ["accept"], work)

    def decide(self, dispute_id: str, outcome: str) -> Answer:
        """On demand, whatever the evidence says."""
        with self._books.transaction():
            return self._end(self._known(dispute_id), outcome).as_json()

    def act_on_due(self) -> None:
        """Opens those that were to come, and decides those whose time has come."""
        if (due := self.next_due()) is None or due > time.time():
            return
        with self._books.transaction():
            for authorization_id in self._store.take_expected(time.time()):
                authorization = self._books.authorization(authorization_id)
                assert authorization is not None
                assert authorization.scenario is not None
                # It may have been voided by a tombstone meanwhile.
                if authorization.captured_minor:
                    self._open(authorization_id, *SCENARIOS[authorization.scenario], None)
            for row in self._store.due(time.time()):
                dispute = _read(row)
                self._end(dispute, outcome_by_itself(dispute))

    def next_due(self) -> float | None:
        return self._store.next_due()

    def _open(self, authorization_id: str, reason: str, inquiry: bool, amount_minor: int | None) -> Answer:
        authorization = self._books.authorization(authorization_id)
        if authorization is None or not authorization.captured_minor:
            raise UnknownDispute
        now = time.time()
        due_by = now + self.pace.due_after_seconds
        dispute = Dispute(
            id=f"dsp_{random_text(20)}",
            authorization=authorization_id,
            reference=authorization.reference,
            amount_minor=amount_minor or authorization.captured_minor,
            currency=authorization.currency,
            reason=reason,
            state="warning_needs_response" if inquiry else "needs_response",
            due_by=due_by,
            opened=now,
            act_at=due_by,
        )
        self._write(dispute, "opened")
        if not inquiry:
            self._move(dispute)
        return dispute.as_json()

    def _order(
        self, dispute_id: str, reference: str, content: list[Any], work: Callable[[Dispute], Dispute]
    ) -> Answer:
        mark = hashlib.sha256(json.dumps([dispute_id, *content], sort_keys=True).encode()).hexdigest()
        with self._books.transaction():
            dispute = self._known(dispute_id)
            if (known := self._store.order(reference)) is not None:
                if known != mark:
                    raise ReferenceReused
                return dispute.as_json()
            after = work(dispute)
            self._store.add_order(reference, mark)
            self._write(after, "updated" if after.act_at is not None else "closed")
            return after.as_json()

    def _end(self, dispute: Dispute, outcome: str) -> Dispute:
        after = ended(dispute, outcome, due_by=time.time() + self.pace.due_after_seconds)
        self._write(after, "updated" if after.act_at is not None else "closed")
        if outcome in ("escalated", "won"):
            self._move(after, won=outcome == "won")
        return after

    def _move(self, dispute: Dispute, *, won: bool = False) -> None:
        self._settlements.record_dispute(
            id=dispute.id,
            reference=dispute.reference,
            authorization=dispute.authorization,
            currency=dispute.currency,
            amount_minor=dispute.amount_minor,
            won=won,
        )

    def _write(self, dispute: Dispute, news: str) -> None:
        kept = dispute.as_json()
        self._store.save(
            {
                **{name: kept[name] for name in ("id", "authorization", "reference", "currency", "reason")},
                "amount_minor": dispute.amount_minor,
                "state": dispute.state,
                "due_by": dispute.due_by,
                "opened": dispute.opened,
                "evidence": json.dumps(dispute.evidence),
                "submissions": dispute.submissions,
                "act_at": dispute.act_at,
            }
        )
        self._announce(f"dispute.{news}", dispute.reference)

    def _known(self, dispute_id: str) -> Dispute:
        row = self._store.dispute(dispute_id)
        if row is None:
            raise UnknownDispute
        return _read(row)


def _read(row: dict[str, Any]) -> Dispute:
    return Dispute(**row | {"evidence": json.loads(row["evidence"])})
