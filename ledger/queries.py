"""Reading the books. Every balance here is the sum of entries, debits minus credits: an account that we owe
from, such as a merchant's, is negative."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from ledger.lines import Line
from ledger.models import LedgerEntry, LedgerTransaction

TOTALS = """
    SELECT account.address, account.currency, account.livemode,
        coalesce(sum(entry.amount_minor) FILTER (WHERE entry.amount_minor > 0), 0) AS debit,
        coalesce(-sum(entry.amount_minor) FILTER (WHERE entry.amount_minor < 0), 0) AS credit
    FROM ledger_account account
    LEFT JOIN ledger_entry entry ON entry.account_id = account.id
    WHERE {condition}
    GROUP BY account.id
    HAVING NOT %(open_only)s OR sum(entry.amount_minor) <> 0
    ORDER BY account.livemode DESC, account.currency, account.address
    LIMIT %(limit)s
"""

CURRENCY_TOTALS = """
    SELECT account.currency, account.livemode, count(DISTINCT account.id), count(*),
        coalesce(sum(entry.amount_minor) FILTER (WHERE entry.amount_minor > 0), 0) AS debit,
        coalesce(-sum(entry.amount_minor) FILTER (WHERE entry.amount_minor < 0), 0) AS credit
    FROM ledger_entry entry
    JOIN ledger_account account ON account.id = entry.account_id
    WHERE %(livemode)s::boolean IS NULL OR account.livemode = %(livemode)s
    GROUP BY account.livemode, account.currency
    ORDER BY account.livemode DESC, account.currency
"""


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


def balance(address: str, currency: str, livemode: bool) -> int:
    """Debits minus credits of one account; 0 for an account that does not exist."""
    found = _totals(
        "account.address = %(address)s AND account.currency = %(currency)s"
        " AND account.livemode = %(livemode)s",
        {"address": address, "currency": currency, "livemode": livemode},
    )
    return found[0].balance if found else 0


def balances(merchant_id: int, *, livemode: bool | None = None) -> list[AccountTotals]:
    """Every account of one merchant, of both modes or of one."""
    return _totals(
        "account.merchant_id = %(merchant_id)s"
        " AND (%(livemode)s::boolean IS NULL OR account.livemode = %(livemode)s)",
        {"merchant_id": merchant_id, "livemode": livemode},
    )


def trial_balance(livemode: bool | None = None, *, limit: int | None = None) -> list[AccountTotals]:
    """Every account, of both modes or of one, or the first `limit` of them in the order of mode, currency and
    address. Over all of a currency and mode, debits and credits are equal."""
    return _totals(
        "%(livemode)s::boolean IS NULL OR account.livemode = %(livemode)s",
        {"livemode": livemode},
        limit=limit,
    )


def currency_totals(livemode: bool | None = None) -> list[CurrencyTotals]:
    """The trial balance's last lines: one per currency and mode that has entries."""
    with connection.cursor() as cursor:
        cursor.execute(CURRENCY_TOTALS, {"livemode": livemode})
        return [
            CurrencyTotals(currency, live, accounts, entries, int(debit), int(credit))
            for currency, live, accounts, entries, debit, credit in cursor.fetchall()
        ]


def unconfirmed() -> list[AccountTotals]:
    """The accounts that hold money whose fate a processor has not told us yet; empty when all is known."""
    return _totals("account.address LIKE %(pattern)s", {"pattern": "%unconfirmed"}, open_only=True)


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
    condition: str, values: Mapping[str, Any], *, limit: int | None = None, open_only: bool = False
) -> list[AccountTotals]:
    with connection.cursor() as cursor:
        cursor.execute(TOTALS.format(condition=condition), {**values, "limit": limit, "open_only": open_only})
        return [
            AccountTotals(address, currency, livemode, int(debit), int(credit))
            for address, currency, livemode, debit, credit in cursor.fetchall()
        ]
