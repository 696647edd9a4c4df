"""Reading the books. Every balance here is the sum of entries, debits minus credits: an account that we owe
from, such as a merchant's, is negative. What is sealed is read as sums per hour (`ledger/snapshots.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import connection
from django.utils import timezone

from ledger.lines import Line
from ledger.models import LedgerEntry, LedgerTransaction

# `{account}` is the account's id, or NULL to read all of them in one go.
TOTALS = """
    SELECT account.address, account.currency, account.livemode,
        coalesce(sums.debit, 0), coalesce(sums.credit, 0)
    FROM ledger_account account
    LEFT JOIN LATERAL ledger_sums({account}, %(at)s::timestamptz, %(by_occurred)s) sums
        ON sums.account_id = account.id
    WHERE {condition} AND (NOT %(open_only)s OR sums.debit <> sums.credit)
    ORDER BY account.livemode DESC, account.currency, account.address
    LIMIT %(limit)s
"""
CURRENCY_TOTALS = """
    SELECT account.currency, account.livemode, count(*), sum(sums.entries), sum(sums.debit), sum(sums.credit)
    FROM ledger_sums(NULL, %(at)s::timestamptz, %(by_occurred)s) sums
    JOIN ledger_account account ON account.id = sums.account_id
    WHERE %(livemode)s::boolean IS NULL OR account.livemode = %(livemode)s
    GROUP BY account.livemode, account.currency
    ORDER BY account.livemode DESC, account.currency
"""
OPEN_ITEMS = """
    SELECT account.address, account.currency, account.livemode, open.item, open.amount_minor, open.since
    FROM ledger_open_item open JOIN ledger_account account ON account.id = open.account_id
    WHERE open.since < %(before)s ORDER BY open.since LIMIT %(limit)s
"""
# While a transaction runs, it may still commit with the time at which it began.
STABLE_UNTIL = """
    SELECT least(now(), (SELECT min(xact_start) FROM pg_stat_activity
                         WHERE datname = current_database() AND pid <> pg_backend_pid()),
                 (SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database()))
"""


class Clock(Enum):
    """A transaction happened at one time, and was booked at the same or a later one."""

    BOOKED = "booked"
    OCCURRED = "occurred"


@dataclass(frozen=True, slots=True)
class AccountTotals:
    """What was ever debited and credited on one account, and the difference, in its smallest unit."""

    address: str
    currency: str
    livemode: bool
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class CurrencyTotals:
    """All accounts of one currency and mode together: the balance is zero, or the books are broken."""

    currency: str
    livemode: bool
    accounts: int
    entries: int
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class OpenItem:
    """What is left in doubt under one reference since `since`."""

    address: str
    currency: str
    livemode: bool
    item: str
    amount_minor: int
    since: datetime


def balance(
    address: str,
    currency: str,
    livemode: bool,
    *,
    at: datetime | None = None,
    clock: Clock = Clock.BOOKED,
) -> int:
    """Debits minus credits of one account, now or as of a moment, which is counted in; 0 for an account that does
    not exist. By the clock of booking it is what we knew then, and final once `stable_until()` has passed it; by
    the other one it is what had happened by then, as far as we know today."""
    found = _totals(
        "account.address = %(address)s AND account.currency = %(currency)s"
        " AND account.livemode = %(livemode)s",
        {"address": address, "currency": currency, "livemode": livemode},
        at=at,
        clock=clock,
    )
    return found[0].balance if found else 0


def balances(
    merchant_id: int,
    *,
    livemode: bool | None = None,
    at: datetime | None = None,
    clock: Clock = Clock.BOOKED,
) -> list[AccountTotals]:
    """Every account of one merchant, of both modes or of one."""
    return _totals(
        "account.merchant_id = %(merchant_id)s"
        " AND (%(livemode)s::boolean IS NULL OR account.livemode = %(livemode)s)",
        {"merchant_id": merchant_id, "livemode": livemode},
        at=at,
        clock=clock,
    )


def trial_balance(
    livemode: bool | None = None,
    *,
    limit: int | None = None,
    at: datetime | None = None,
    clock: Clock = Clock.BOOKED,
) -> list[AccountTotals]:
    """Every account, of both modes or of one, or the first `limit` of them in the order of mode, currency and
    address. Over all of a currency and mode, debits and credits are equal."""
    return _totals(
        "(%(livemode)s::boolean IS NULL OR account.livemode = %(livemode)s)",
        {"livemode": livemode},
        limit=limit,
        at=at,
        clock=clock,
        account="NULL",
    )


def currency_totals(
    livemode: bool | None = None, *, at: datetime | None = None, clock: Clock = Clock.BOOKED
) -> list[CurrencyTotals]:
    """The trial balance's last lines: one per currency and mode that has entries."""
    return read_currency_totals(
        CURRENCY_TOTALS, {"livemode": livemode, "at": at, "by_occurred": clock is Clock.OCCURRED}
    )


def read_currency_totals(sql: str, values: Mapping[str, Any]) -> list[CurrencyTotals]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [
            CurrencyTotals(currency, live, accounts, int(entries), int(debit), int(credit))
            for currency, live, accounts, entries, debit, credit in cursor.fetchall()
        ]


def unconfirmed() -> list[AccountTotals]:
    """The accounts that hold money whose fate a processor has not told us yet; empty when all is known."""
    return _totals("account.address LIKE %(pattern)s", {"pattern": "%unconfirmed"}, open_only=True)


def open_items(*, older_than: timedelta = timedelta(0), limit: int = 100) -> list[OpenItem]:
    """What is unconfirmed, reference by reference, the oldest first; as of the last seal, seconds ago."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_ITEMS, {"before": timezone.now() - older_than, "limit": limit})
        return [
            OpenItem(address, currency, livemode, item, int(amount_minor), since)
            for address, currency, livemode, item, amount_minor, since in cursor.fetchall()
        ]


def stable_until() -> datetime:
    """What was booked before this moment is all visible: balances as of an earlier one do not change any more."""
    with connection.cursor() as cursor:
        cursor.execute(STABLE_UNTIL)
        moment: datetime = cursor.fetchone()[0]
        return moment


def lines_of(transaction: LedgerTransaction) -> list[Line]:
    """The transaction's lines, as they were posted."""
    entries = LedgerEntry.objects.filter(transaction=transaction).order_by("pk")
    return [
        Line(address, currency, amount_minor)
        for address, currency, amount_minor in entries.values_list(
            "account__address", "currency", "amount_minor"
        )
    ]


def _totals(
    condition: str,
    values: Mapping[str, Any],
    *,
    limit: int | None = None,
    open_only: bool = False,
    at: datetime | None = None,
    clock: Clock = Clock.BOOKED,
    account: str = "account.id",
) -> list[AccountTotals]:
    asked = {"limit": limit, "open_only": open_only, "at": at, "by_occurred": clock is Clock.OCCURRED}
    with connection.cursor() as cursor:
        cursor.execute(TOTALS.format(condition=condition, account=account), {**values, **asked})
        return [
            AccountTotals(address, currency, livemode, int(debit), int(credit))
            for address, currency, livemode, debit, credit in cursor.fetchall()
        ]
