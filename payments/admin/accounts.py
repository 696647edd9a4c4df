"""A payment's bookings as an accountant draws them: a journal, and T-accounts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.models import LedgerEntry, LedgerTransaction


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
class Books:
    """What the ledger says of one thing."""

    bookings: list[Booking]
    accounts: list[TAccount]


def books_of(references: Iterable[str]) -> Books:
    """What was booked under these references, line by line and by account."""
    bookings = _bookings(list(references))
    return Books(bookings, _accounts(bookings))


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
