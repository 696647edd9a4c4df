"""What a posting says: lines that debit or credit an address, and the rule that they balance. Pure: no
database, no Django."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.money import CURRENCIES, display
from ledger.errors import LineInvalid, Unbalanced

ADDRESS = re.compile(r"[a-z][a-z0-9_]*(:[A-Za-z0-9_-]+)*")
# Longer than any address we make; a limit on everything.
MAX_ADDRESS_LENGTH = 200
MAX_LINES = 1_000
# What a bigint holds.
MAX_AMOUNT_MINOR = 2**63 - 1


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A debit (positive) or a credit (negative) of an address, in the currency's smallest unit."""

    address: str
    currency: str
    amount_minor: int

    def __str__(self) -> str:
        side = "debit" if self.amount_minor > 0 else "credit"
        return f"{side} {self.address} {amount_text(abs(self.amount_minor), self.currency)}"


def debit(address: str, currency: str, amount_minor: int) -> Line:
    """A line that takes in; the amount is positive. LineInvalid otherwise."""
    return _line(address, currency, amount_minor, sign=1)


def credit(address: str, currency: str, amount_minor: int) -> Line:
    """A line that gives out; the amount is positive. LineInvalid otherwise."""
    return _line(address, currency, amount_minor, sign=-1)


def reversed_lines(lines: Iterable[Line]) -> list[Line]:
    """The same lines with debit and credit swapped."""
    return [Line(line.address, line.currency, -line.amount_minor) for line in lines]


def check_balanced(lines: Sequence[Line]) -> None:
    """Each line is well formed and each currency sums to zero. LineInvalid or Unbalanced otherwise."""
    if not lines:
        raise Unbalanced("A ledger transaction needs lines.")
    if len(lines) > MAX_LINES:
        raise LineInvalid(f"A ledger transaction may have at most {MAX_LINES} lines, not {len(lines)}.")
    sums: Counter[str] = Counter()
    for line in lines:
        _check(line.address, line.currency, abs(line.amount_minor))
        sums[line.currency] += line.amount_minor
    for currency, difference in sums.items():
        if difference:
            raise Unbalanced(
                f"Debits and credits differ by {display(difference, currency)} in: {describe(lines)}"
            )


def merchant_of(address: str, merchant_id: int | None) -> int | None:
    """Whose the account is in a booking of that merchant: `merchant:…` is theirs, the others are nobody's."""
    return merchant_id if address.startswith("merchant:") else None


def amount_text(amount_minor: int, currency: str) -> str:
    """An amount for people; bare where only raw SQL could have brought the currency in."""
    return display(amount_minor, currency) if currency in CURRENCIES else f"{amount_minor} {currency.upper()}"


def describe(lines: Iterable[Line]) -> str:
    """The lines in one sentence, in an order of their own, so that equal postings read equal."""
    return ", ".join(str(line) for line in sorted(lines))


def describe_booking(kind: str, livemode: bool, reverses_id: int | None, lines: Iterable[Line]) -> str:
    """All that two postings under one reference must agree in."""
    reversal = f" reversing {reverses_id}" if reverses_id else ""
    return f"{'live' if livemode else 'test'} {kind}{reversal} [{describe(lines)}]"


def _line(address: str, currency: str, amount_minor: int, *, sign: int) -> Line:
    _check(address, currency, amount_minor)
    return Line(address, currency, sign * amount_minor)


def _check(address: str, currency: str, amount_minor: int) -> None:
    if len(address) > MAX_ADDRESS_LENGTH or not ADDRESS.fullmatch(address):
        raise LineInvalid(f"'{address[:MAX_ADDRESS_LENGTH]}' is not an address like merchant:12:available.")
    if currency not in CURRENCIES:
        raise LineInvalid(f"'{currency}' is not a currency we know, in lower case (line of {address}).")
    if type(amount_minor) is not int or not 0 < amount_minor <= MAX_AMOUNT_MINOR:
        raise LineInvalid(
            f"An amount of {address} must be a positive integer of its smallest unit, not {amount_minor!r}."
        )
