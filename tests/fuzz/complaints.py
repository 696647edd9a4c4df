"""What a little bank keeps of its accounts, and what cardholders complain of: disputes move by themselves, by the
bank, and by our answers, each done once."""

import threading
from dataclasses import dataclass, replace

from django.db import connection

from processors.protocol import Declined, DisputeOrder, DisputeReport, DisputeState, Unknown
from tests.fuzz.street import Crash, Look, Order, Street

NOT_ALLOWED = Declined("not_allowed")
# Where a dispute goes by itself or by its bank; the first is what an answer leads to.
DISPUTE_MOVES: dict[str, tuple[DisputeState, ...]] = {
    "": ("needs_response", "warning_needs_response"),
    "warning_needs_response": ("warning_under_review", "warning_closed", "needs_response"),
    "warning_under_review": ("warning_closed", "needs_response"),
    "needs_response": ("under_review", "lost"),
    "under_review": ("won", "lost"),
}
HAS_THE_MONEY = ("needs_response", "under_review", "lost")


@dataclass(slots=True)
class Account:
    """An authorization, and the money that moved under it."""

    id: str
    reference: str
    payment: str
    amount_minor: int
    currency: str
    captures: bool
    # challenged | authenticated | approved | declined | voided | lapsed | undone
    state: str = "approved"
    decline_code: str = ""
    captured_minor: int = 0
    refunded_minor: int = 0

    @property
    def took_minor(self) -> int:
        return self.captured_minor - self.refunded_minor

    @property
    def holds(self) -> bool:
        return self.state == "approved" and not self.captured_minor

    @property
    def challenged(self) -> bool:
        return self.state in ("challenged", "authenticated")

    def approve(self) -> None:
        self.state = "approved"
        self.captured_minor = self.amount_minor if self.captures else 0

    def decline(self, code: str) -> None:
        self.state, self.decline_code = "declined", code


class Complaints:
    def __init__(self, street: Street) -> None:
        self.accounts: dict[str, Account] = {}
        # By their ids, as they stand; and the answers to them that were done, by reference.
        self.reports: dict[str, DisputeReport] = {}
        self.answered: dict[str, str] = {}
        self.news: list[str] = []
        self._street = street
        self._lock = threading.RLock()

    def disputes(self, processor_id: str, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        self._watch(f"the disputes of {processor_id}")
        if self._street.next_look() is Look.AWAY:
            return Unknown("the bank is away")
        with self._lock:
            return tuple(self.disputes_of(self.accounts[processor_id]))

    def look_up_dispute(self, dispute_id: str, *, timeout_seconds: float) -> DisputeReport | Unknown:
        return self.reports.get(dispute_id) or Unknown("no such dispute")

    def recent_disputes(self, since: int, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        self._watch("the disputes of all")
        with self._lock:
            return tuple(self.reports.values())

    def submit_evidence(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        return self._answer_dispute(order, "submit")

    def accept_dispute(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        return self._answer_dispute(order, "accept")

    def move_dispute(self, account: Account, choice: int) -> None:
        """A cardholder complains, or their bank decides; of all that is possible, one."""
        with self._lock:
            own = self.disputes_of(account)
            report = own[-1] if own else None
            moves = DISPUTE_MOVES.get(report.state if report else "", ())
            if not moves:
                return
            state = moves[choice % len(moves)]
            if report is None:
                report = DisputeReport(
                    f"dsp_{account.id}", state, account.captured_minor, account.currency, "fraudulent",
                    2_000_000_000, reference=account.reference,
                )  # fmt: skip
            self.reports[report.processor_id] = replace(report, state=state)
            self.news.append(account.reference)

    def disputes_of(self, account: Account) -> list[DisputeReport]:
        return [report for report in self.reports.values() if report.reference == account.reference]

    def disputed_minor(self, account: Account) -> int:
        own = self.disputes_of(account)
        return sum(report.amount_minor for report in own if report.state in HAS_THE_MONEY)

    @property
    def taken(self) -> list[Account]:
        """Accounts whose money could be disputed."""
        return [account for account in self.accounts.values() if account.captured_minor]

    def _answer_dispute(self, order: DisputeOrder, kind: str) -> DisputeReport | Declined | Unknown:
        self._watch(f"{kind} {order.reference}")
        mood = self._street.next_order()
        self._street.pass_time(after_the_work=False)
        match mood:
            case Order.LOST | Order.LATE | Order.UNREACHABLE | Order.TURNS_AWAY | Order.UNDECIDED:
                return Unknown("it did not arrive")
            case Order.DIES_BEFORE:
                raise Crash("before the bank's work")
        with self._lock:
            said = self._settle(order, kind, declines=mood is Order.DECLINES)
        self._street.pass_time(after_the_work=True)
        match mood:
            case Order.DIES_AFTER:
                raise Crash("after the bank's work")
            case Order.SILENT | Order.LIES:
                return Unknown("no answer")
        return said

    def _settle(self, order: DisputeOrder, kind: str, *, declines: bool) -> DisputeReport | Declined:
        report = self.reports[order.processor_id]
        if order.reference in self.answered:
            return report
        allowed = ("needs_response",) if kind == "accept" else ("needs_response", "warning_needs_response")
        if declines or report.state not in allowed:
            return NOT_ALLOWED
        self.answered[order.reference] = kind
        state: DisputeState = "lost" if kind == "accept" else DISPUTE_MOVES[report.state][0]
        after = replace(report, state=state, submissions=report.submissions + (kind == "submit"))
        self.reports[order.processor_id] = after
        return after

    def _watch(self, call: str) -> None:
        if connection.in_atomic_block or connection.connection is not None:
            self._street.complaints.append(f"{call} was made with a transaction or a connection held")
