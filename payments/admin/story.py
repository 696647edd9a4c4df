"""Everything that belongs to one payment, read in a fixed number of queries: every attempt at it, who did what and
why, what the processors said, what the books say, who was told."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.redaction import redact
from core.showing import age, words
from payments.admin.accounts import Booking, TAccount, books_of
from payments.models import BalanceTransaction, Charge, Dispute, Operation, Refund, TimelineEntry
from payments.queries import taken_minor
from payments.showing import who
from webhooks.models import Event

# More than any payment has; a limit on everything.
MAX_ROWS = 200
# What an operation and a dispute book, by the ends of their references.
OPERATION_PHASES = ("start", "finish", "returned")
DISPUTE_PHASES = ("opened", "won")


@dataclass(frozen=True)
class Call:
    """One operation with what came of it. `answer` is the processor's, redacted."""

    operation: Operation
    answer: str

    @property
    def took(self) -> str:
        if self.operation.finished_at is None:
            return ""
        seconds = (self.operation.finished_at - self.operation.created_at).total_seconds()
        return (
            f"{seconds:.2f}\N{NO-BREAK SPACE}s"
            if seconds < 60
            else age(self.operation.created_at, self.operation.finished_at)
        )


@dataclass(frozen=True)
class Told:
    """What a timeline row says, readable. `attempt` is its number, where there were several."""

    entry: TimelineEntry
    who: str
    states: list[tuple[str, str]]
    attempt: int = 0

    @property
    def reason(self) -> str:
        """A person's words as they are; the name of a reason in words."""
        reason = self.entry.reason
        return reason[:1].upper() + reason[1:] if " " in reason else words(reason)


@dataclass(frozen=True)
class Story:
    refundable_minor: int
    disputed_minor: int
    refusing: Dispute | None
    attempts: list[Charge]
    timeline: list[Told]
    calls: list[Call]
    refunds: list[Refund]
    disputes: list[Dispute]
    bookings: list[Booking]
    accounts: list[TAccount]
    balances: list[BalanceTransaction]
    events: list[Event]

    @property
    def under_way(self) -> bool:
        """Whether a call awaits its outcome, refunds aside: then nothing else may start."""
        return any(c.operation.is_open and c.operation.kind != Operation.Kind.REFUND for c in self.calls)


def story_of(charge: Charge) -> Story:
    """The story of the charge's payment; what is left to refund is the charge's own. Reads only."""
    attempts = list(Charge.objects.filter(payment_intent=charge.payment_intent_id).order_by("pk")[:MAX_ROWS])
    keys = [attempt.pk for attempt in attempts]
    refunds = list(Refund.objects.filter(charge__in=keys).order_by("pk")[:MAX_ROWS])
    disputes = list(Dispute.objects.filter(charge__in=keys).order_by("pk")[:MAX_ROWS])
    operations = list(
        Operation.objects.filter(charge__in=keys).select_related("refund").order_by("pk")[:MAX_ROWS]
    )
    books = books_of(_references(operations, disputes))
    refusing = [
        one for one in disputes if one.charge_id == charge.pk and one.state in Dispute.REFUSES_REFUNDS
    ]
    return Story(
        refundable_minor=0 if refusing else (charge.captured_minor or 0) - taken_minor(charge),
        disputed_minor=sum(one.amount_minor for one in refusing),
        refusing=refusing[0] if refusing else None,
        attempts=attempts,
        timeline=_timeline(charge, attempts),
        calls=[Call(operation, answer_of(operation)) for operation in operations],
        refunds=refunds,
        disputes=disputes,
        bookings=books.bookings,
        accounts=books.accounts,
        balances=_balances(charge, refunds, disputes),
        events=_events([charge.payment_intent, *attempts, *refunds, *disputes]),
    )


def _references(operations: Iterable[Operation], disputes: Iterable[Dispute]) -> list[str]:
    return [
        *(f"{one.public_id}:{phase}" for one in operations for phase in OPERATION_PHASES),
        *(f"{one.public_id}:{phase}" for one in disputes for phase in DISPUTE_PHASES),
    ]


def _timeline(charge: Charge, attempts: list[Charge]) -> list[Told]:
    numbers = {attempt.pk: number for number, attempt in enumerate(attempts, start=1)}
    entries = (
        TimelineEntry.objects.filter(payment_intent=charge.payment_intent_id)
        .select_related("operation", "refund", "dispute")
        .order_by("pk")[:MAX_ROWS]
    )
    return [
        Told(
            entry,
            who(entry.actor),
            states_of(entry),
            numbers.get(entry.charge_id or 0, 0) if len(attempts) > 1 else 0,
        )
        for entry in entries
    ]


def states_of(entry: TimelineEntry) -> list[tuple[str, str]]:
    states = {
        "charge": entry.charge_state,
        "refund": entry.refund_state,
        "dispute": entry.dispute_state,
        "call": entry.operation_state,
    }
    return [(name, state) for name, state in states.items() if state]


def answer_of(operation: Operation) -> str:
    """The processor's answer. It was redacted when it came, and is once more: this is where people look."""
    if operation.answer is None:
        return ""
    return redact(json.dumps(operation.answer, indent=2, sort_keys=True, ensure_ascii=False))


def _balances(charge: Charge, refunds: list[Refund], disputes: list[Dispute]) -> list[BalanceTransaction]:
    ids: list[Any] = [charge.balance_transaction]
    for refund in refunds:
        ids += [refund.balance_transaction, refund.failure_balance_transaction]
    for dispute in disputes:
        ids += [dispute.balance_transaction, dispute.reversal_balance_transaction]
    return list(BalanceTransaction.objects.filter(public_id__in=[i for i in ids if i]).order_by("pk"))


def _events(rows: Iterable[Any]) -> list[Event]:
    found = Event.objects.filter(object_id__in=[row.public_id for row in rows])
    return list(found.prefetch_related("deliveries__endpoint").order_by("pk")[:MAX_ROWS])
