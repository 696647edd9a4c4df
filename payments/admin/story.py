"""Everything that belongs to one charge, read in a fixed number of queries: who did what, what the processor
said, what the books say, who was told."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from core.redaction import redact
from core.showing import age
from ledger.models import LedgerEntry, LedgerTransaction
from payments.models import BalanceTransaction, Charge, Operation, Refund, TimelineEntry
from payments.queries import taken_minor
from payments.showing import who
from webhooks.models import Event

# More than any charge has; a limit on everything.
MAX_ROWS = 200


@dataclass(frozen=True)
class TAccount:
    """One account as far as this charge moved it. Lines carry the number of their booking."""

    address: str
    currency: str
    debits: list[tuple[int, int]] = field(default_factory=list)
    credits: list[tuple[int, int]] = field(default_factory=list)

    @property
    def balance_minor(self) -> int:
        return sum(amount for _, amount in self.debits) - sum(amount for _, amount in self.credits)

    @property
    def left_minor(self) -> int:
        return abs(self.balance_minor)


@dataclass(frozen=True)
class Side:
    """One line of a booking, on its side."""

    address: str
    currency: str
    debit_minor: int = 0
    credit_minor: int = 0


@dataclass(frozen=True)
class Booking:
    """One ledger transaction of the charge, numbered in order; debits first, as in every journal."""

    number: int
    transaction: LedgerTransaction
    sides: list[Side]


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
    """What a timeline row says, readable."""

    entry: TimelineEntry
    who: str
    states: list[tuple[str, str]]


@dataclass(frozen=True)
class Books:
    """What the ledger says of one thing."""

    bookings: list[Booking]
    accounts: list[TAccount]


@dataclass(frozen=True)
class Story:
    refundable_minor: int
    timeline: list[Told]
    calls: list[Call]
    refunds: list[Refund]
    bookings: list[Booking]
    accounts: list[TAccount]
    balances: list[BalanceTransaction]
    events: list[Event]


def story_of(charge: Charge) -> Story:
    """The charge's story. Reads only."""
    refunds = list(charge.refunds.order_by("pk")[:MAX_ROWS])
    operations = list(charge.operations.select_related("refund").order_by("pk")[:MAX_ROWS])
    books = books_of(
        f"{operation.public_id}:{phase}"
        for operation in operations
        for phase in ("start", "finish", "returned")
    )
    captured_minor = charge.captured_minor or 0
    return Story(
        refundable_minor=captured_minor - taken_minor(charge),
        timeline=_timeline(charge),
        calls=[Call(operation, answer_of(operation)) for operation in operations],
        refunds=refunds,
        bookings=books.bookings,
        accounts=books.accounts,
        balances=_balances(charge, refunds),
        events=_events([charge.public_id, *(refund.public_id for refund in refunds)]),
    )


def books_of(references: Iterable[str]) -> Books:
    """What was booked under these references, line by line and by account."""
    bookings = _bookings(list(references))
    return Books(bookings, _accounts(bookings))


def _timeline(charge: Charge) -> list[Told]:
    entries = (
        TimelineEntry.objects.filter(
            Q(charge=charge) | Q(charge=None), payment_intent=charge.payment_intent_id
        )
        .select_related("operation", "refund")
        .order_by("pk")[:MAX_ROWS]
    )
    return [Told(entry, who(entry.actor), _states(entry)) for entry in entries]


def _states(entry: TimelineEntry) -> list[tuple[str, str]]:
    states = {"charge": entry.charge_state, "refund": entry.refund_state, "operation": entry.operation_state}
    return [(name, state) for name, state in states.items() if state]


def answer_of(operation: Operation) -> str:
    """The processor's answer. It was redacted when it came, and is once more: this is where people look."""
    if operation.answer is None:
        return ""
    return redact(json.dumps(operation.answer, indent=2, sort_keys=True, ensure_ascii=False))


def _bookings(references: list[str]) -> list[Booking]:
    found = list(LedgerTransaction.objects.filter(reference__in=references).order_by("pk"))
    sides: dict[int, list[Side]] = defaultdict(list)
    for entry in LedgerEntry.objects.filter(transaction__in=found).select_related("account").order_by("pk"):
        amount = entry.amount_minor
        side = Side(entry.account.address, entry.currency, max(amount, 0), max(-amount, 0))
        sides[entry.transaction_id].append(side)
    return [
        Booking(number, transaction, sorted(sides[transaction.pk], key=lambda side: side.debit_minor == 0))
        for number, transaction in enumerate(found, start=1)
    ]


def _accounts(bookings: Iterable[Booking]) -> list[TAccount]:
    accounts: dict[tuple[str, str], TAccount] = {}
    for booking in bookings:
        for side in booking.sides:
            name = (side.address, side.currency)
            account = accounts.setdefault(name, TAccount(*name))
            if side.debit_minor:
                account.debits.append((booking.number, side.debit_minor))
            else:
                account.credits.append((booking.number, side.credit_minor))
    return [accounts[name] for name in sorted(accounts)]


def _balances(charge: Charge, refunds: list[Refund]) -> list[BalanceTransaction]:
    ids: list[Any] = [charge.balance_transaction]
    for refund in refunds:
        ids += [refund.balance_transaction, refund.failure_balance_transaction]
    return list(BalanceTransaction.objects.filter(public_id__in=[i for i in ids if i]).order_by("pk"))


def _events(objects: list[str]) -> list[Event]:
    found = Event.objects.filter(object_id__in=objects).prefetch_related("deliveries__endpoint")
    return list(found.order_by("pk")[:MAX_ROWS])
