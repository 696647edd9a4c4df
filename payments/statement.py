"""A merchant's month, out of the ledger: what they had, what came and went by heading, and what they have. It is
refused where it would differ from the ledger's balances by a cent."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from core.db import load_statement
from ledger.queries import balances, stable_until
from merchants.models import Merchant

MONTH = load_statement("statement.sql")
# The ledger's clock ticks in these: a balance as of the last one before a moment is what was before it.
TICK = timedelta(microseconds=1)
# By the kind of a booking, in the order in which they are read; kinds that are not named stand under their own name.
HEADINGS = {
    "sale_confirmed": "Sales",
    "refund_started": "Refunds",
    "late_refund_started": "Refunds",
    "refund_reversed": "Refunds that did not arrive",
    "refund_returned": "Refunds that did not arrive",
    "dispute_opened": "Disputes",
    "dispute_won": "Disputes won",
    "exchange_sold": "Exchanged for other currencies",
    "exchange_bought": "Exchanged from other currencies",
}
FEES = {"fees:earned": "Fees", "fees:disputes": "Dispute fees"}
LAST = {
    "payout_started": "Payouts",
    "payout_reversed": "Payouts that did not arrive",
    "payout_returned": "Payouts that did not arrive",
}


class StatementDisagrees(Exception):
    """The movements do not lead from one balance to the other: the books are broken, and so would the paper be."""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, text: str) -> "Month":
        """`2026-10`; ValueError for anything else."""
        if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text) or not 2000 <= int(text[:4]) < MAXYEAR:
            raise ValueError(f"Not a month, such as 2026-10: {text!r}")
        return cls(int(text[:4]), int(text[5:]))

    @property
    def since(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def until(self) -> datetime:
        """The first moment after it."""
        return datetime(self.year + self.month // 12, self.month % 12 + 1, 1, tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


@dataclass(frozen=True, slots=True)
class Movement:
    """All of one heading: how many bookings, and what they gave the merchant, or took."""

    heading: str
    number: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CurrencyPart:
    """One currency, in its smallest unit. `parts` says where the closing balance stands, such as `available`."""

    currency: str
    opening_minor: int
    movements: list[Movement]
    closing_minor: int
    parts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Statement:
    """`final` once the month is over and nothing of it can still be on its way into the books."""

    merchant: Merchant
    livemode: bool
    month: Month
    final: bool
    made_at: datetime
    currencies: list[CurrencyPart]

    @property
    def name(self) -> str:
        mode = "live" if self.livemode else "test"
        return f"statement-{self.merchant.public_id}-{self.month}-{mode}"


def statement(merchant: Merchant, month: Month, *, livemode: bool) -> Statement:
    """By the clock of booking, within one snapshot. StatementDisagrees rather than a wrong one."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT now()")
            (made_at,) = cursor.fetchone()
            asked: dict[str, Any] = {
                "merchant": merchant.pk,
                "livemode": livemode,
                "since": month.since,
                "until": month.until,
            }
            cursor.execute(MONTH, asked)
            booked = cursor.fetchall()
        before = _standing(merchant, livemode, month.since - TICK)
        after = _standing(merchant, livemode, month.until - TICK)
        final = stable_until() >= month.until
    movements: dict[str, dict[str, Movement]] = defaultdict(dict)
    for kind, currency, fee, number, amount_minor in booked:
        _take(movements[currency], kind, fee, number, amount_minor)
    seen = sorted({*before, *after, *movements})
    parts = [_part(one, before.get(one, {}), movements[one], after.get(one, {})) for one in seen]
    shown = [part for part in parts if part.movements or part.opening_minor or part.closing_minor]
    return Statement(merchant, livemode, month, final, made_at, shown)


def _standing(merchant: Merchant, livemode: bool, at: datetime) -> dict[str, dict[str, int]]:
    """By currency and account, what the merchant had; what is unconfirmed is nobody's yet."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in balances(merchant.pk, livemode=livemode, at=at):
        account = row.address.split(":", 2)[2]
        if account != "unconfirmed":
            found[row.currency][account] = -row.balance
    return found


def _take(movements: dict[str, Movement], kind: str, fee: str, number: int, amount_minor: int) -> None:
    """What was booked counts whole; what was ours of it is a fee beside it."""
    if fee:
        _add(movements, FEES.get(fee, fee.partition(":")[2].capitalize() + " fees"), number, -amount_minor)
    else:
        heading = HEADINGS.get(kind) or LAST.get(kind) or kind.replace("_", " ").capitalize()
        _add(movements, heading, number, amount_minor)


def _add(movements: dict[str, Movement], heading: str, number: int, amount_minor: int) -> None:
    known = movements.get(heading, Movement(heading, 0, 0))
    movements[heading] = Movement(heading, known.number + number, known.amount_minor + amount_minor)


def _part(
    currency: str, before: dict[str, int], movements: dict[str, Movement], after: dict[str, int]
) -> CurrencyPart:
    opening, closing = sum(before.values()), sum(after.values())
    # What only went from one of the merchant's accounts to another is none of theirs.
    moved = sorted((one for one in movements.values() if one.amount_minor), key=_place)
    if opening + sum(one.amount_minor for one in moved) != closing:
        raise StatementDisagrees(
            f"{currency.upper()}: {opening} and what was booked do not make {closing}, in the smallest unit."
        )
    return CurrencyPart(currency, opening, moved, closing, after)


def _place(movement: Movement) -> tuple[int, str]:
    order = dict.fromkeys([*HEADINGS.values(), "", *FEES.values(), *LAST.values()])
    places = {heading: number for number, heading in enumerate(order)}
    return places.get(movement.heading, places[""]), movement.heading
