"""What `verify_ledger` proves. Layers above add their own with `register`; the ledger knows none of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from ledger.lines import amount_text
from ledger.queries import CurrencyTotals, read_currency_totals
from ledger.snapshots import SEALED, WRONG_HOURS, WRONG_ITEMS

# Enough to see what is wrong; the rest is found again once these are explained.
MAX_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `subject` names the transaction or account, `message` says what."""

    subject: str
    message: str


# From the entries themselves, and from nothing that was made of them.
SUMMED = """
    SELECT account.currency, account.livemode, count(DISTINCT account.id), count(*),
        coalesce(sum(entry.amount_minor) FILTER (WHERE entry.amount_minor > 0), 0),
        coalesce(-sum(entry.amount_minor) FILTER (WHERE entry.amount_minor < 0), 0)
    FROM ledger_entry entry JOIN ledger_account account ON account.id = entry.account_id
    GROUP BY account.livemode, account.currency ORDER BY account.livemode DESC, account.currency
"""

Check = Callable[[], Iterable[Finding]]
_checks: list[Check] = []


def register(check: Check) -> Check:
    """Adds a check, once; its function name, read as words, is its title. Usable as a decorator, or from the
    `ready()` of an app above. Checks run inside one read-only snapshot: they only query."""
    if check not in _checks:
        _checks.append(check)
    return check


def registered() -> tuple[Check, ...]:
    return tuple(_checks)


def title(check: Check) -> str:
    return check.__name__.replace("_", " ")


@register
def transactions_sum_to_zero() -> Iterator[Finding]:
    for pk, reference, currency, difference in _rows("""
        SELECT wrong.transaction_id, t.reference, wrong.currency, wrong.difference FROM (
            SELECT transaction_id, currency, sum(amount_minor) AS difference FROM ledger_entry
            GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0
        ) wrong LEFT JOIN ledger_transaction t ON t.id = wrong.transaction_id
    """):
        yield Finding(_transaction(pk, reference), f"out of balance by {difference} {currency}")


@register
def transactions_have_entries() -> Iterator[Finding]:
    for pk, reference in _rows("""
        SELECT t.id, t.reference FROM ledger_transaction t
        WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.transaction_id = t.id)
    """):
        yield Finding(_transaction(pk, reference), "has no entries")


@register
def entries_have_their_transaction() -> Iterator[Finding]:
    for pk, transaction_id in _rows("""
        SELECT e.id, e.transaction_id FROM ledger_entry e
        WHERE NOT EXISTS (SELECT FROM ledger_transaction t WHERE t.id = e.transaction_id)
    """):
        yield Finding(f"entry {pk}", f"belongs to transaction {transaction_id}, which is gone")


@register
def entries_fit_their_accounts() -> Iterator[Finding]:
    for entry, pk, reference, account_id, address in _rows("""
        SELECT e.id, t.id, t.reference, e.account_id, a.address FROM ledger_entry e
        JOIN ledger_transaction t ON t.id = e.transaction_id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE a.id IS NULL OR a.currency <> e.currency OR a.livemode <> t.livemode
            OR a.merchant_id IS NOT NULL AND a.merchant_id IS DISTINCT FROM t.merchant_id
    """):
        where = f"account {account_id} ({address or 'gone'})"
        yield Finding(
            _transaction(pk, reference), f"entry {entry} has another currency, mode or merchant than {where}"
        )


@register
def reversals_are_exact_opposites() -> Iterator[Finding]:
    for pk, reference, reverses_id in _rows("""
        SELECT t.id, t.reference, t.reverses_id FROM ledger_transaction t
        WHERE t.reverses_id IS NOT NULL AND EXISTS (
            SELECT FROM (
                SELECT account_id, -amount_minor AS amount_minor, 1 AS one FROM ledger_entry
                    WHERE transaction_id = t.reverses_id
                UNION ALL
                SELECT account_id, amount_minor, -1 FROM ledger_entry WHERE transaction_id = t.id
            ) both_sides GROUP BY account_id, amount_minor HAVING sum(one) <> 0)
    """):
        yield Finding(_transaction(pk, reference), f"is not the exact opposite of transaction {reverses_id}")


# No order of postings proves that each was right when it came: credits that were booked first may have lower
# numbers. But the last that asked left the balance at its limit at most, and only what need not ask came after.
@register
def limits_hold() -> Iterator[Finding]:
    for address, currency, balance, most in _rows("""
        WITH bounds AS (
            SELECT account_id, max(max_balance_minor) AS highest, min(created_at) AS since
            FROM ledger_limit GROUP BY account_id
        ), free AS (
            SELECT e.account_id, sum(e.amount_minor) AS amount
            FROM bounds b JOIN ledger_entry e ON e.account_id = b.account_id AND e.amount_minor > 0
            JOIN ledger_transaction t ON t.id = e.transaction_id
            WHERE t.booked_at <= b.since OR NOT EXISTS (
                SELECT FROM ledger_limit l WHERE l.account_id = e.account_id AND l.kind IN ('', t.kind)
            ) OR EXISTS (
                SELECT FROM ledger_limit l WHERE l.account_id = e.account_id AND l.kind IN ('', t.kind)
                    AND l.max_balance_minor IS NULL
            ) GROUP BY e.account_id
        )
        SELECT a.address, a.currency, ledger_balance(a.id)::bigint,
            (greatest(b.highest, 0) + coalesce(free.amount, 0))::bigint
        FROM bounds b JOIN ledger_account a ON a.id = b.account_id LEFT JOIN free ON free.account_id = a.id
        WHERE ledger_balance(a.id) > greatest(b.highest, 0) + coalesce(free.amount, 0)
    """):
        yield Finding(
            f"{address} {currency.upper()}",
            f"has a balance of {amount_text(balance, currency)}; its limits allow "
            f"{amount_text(most, currency)} at most",
        )


def summed_totals() -> list[CurrencyTotals]:
    """The trial balance's last lines, read from all entries."""
    return read_currency_totals(SUMMED, {})


@register
def snapshots_are_the_sums_of_their_entries() -> Iterator[Finding]:
    for address, hour, kept, found in _rows(WRONG_HOURS.format(covered=SEALED)):
        yield Finding(
            f"{address or 'an account that is gone'}, hour of {hour:%F %H}:00 UTC",
            f"its snapshot moves {kept or 'nothing'}, its entries {found or 'nothing'}",
        )


@register
def open_items_are_the_sums_of_their_entries() -> Iterator[Finding]:
    for address, item, kept, found in _rows(WRONG_ITEMS.format(covered=SEALED)):
        yield Finding(f"{address} {item}", f"is kept as open with {kept or 0}, its entries say {found or 0}")


@register
def trial_balance_is_zero() -> Iterator[Finding]:
    for totals in summed_totals():
        if totals.balance:
            mode = "live" if totals.livemode else "test"
            yield Finding(
                f"all accounts in {totals.currency.upper()} {mode}",
                f"debits and credits differ by {amount_text(totals.balance, totals.currency)}",
            )


@register
def guards_are_in_place() -> Iterator[Finding]:
    """Somebody who switched the guards off may have written anything, including what no other check sees."""
    for table, guard in _rows("""
        SELECT wanted.* FROM (VALUES
            ('ledger_account', 'append_only'), ('ledger_account', 'append_only_whole'),
            ('ledger_limit', 'append_only'), ('ledger_limit', 'append_only_whole'),
            ('ledger_limit', 'one_by_one'),
            ('ledger_transaction', 'append_only'), ('ledger_transaction', 'append_only_whole'),
            ('ledger_transaction', 'own_clock'), ('ledger_transaction', 'has_entries'),
            ('ledger_transaction', 'exact_opposite'),
            ('ledger_entry', 'append_only'), ('ledger_entry', 'append_only_whole'),
            ('ledger_entry', 'balanced'),
            ('ledger_seal', 'append_only'), ('ledger_seal', 'append_only_whole'), ('ledger_seal', 'chained')
        ) AS wanted (tablename, guard)
        WHERE NOT EXISTS (
            SELECT FROM pg_trigger
            WHERE tgrelid = wanted.tablename::regclass AND tgname = wanted.guard AND tgenabled IN ('O', 'A'))
    """):
        yield Finding(f"table {table}", f"its trigger {guard} is missing or switched off")


def _transaction(pk: int, reference: str | None) -> str:
    return f"transaction {pk} ({reference or 'gone'})"


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} LIMIT {MAX_FINDINGS}")
        return list(cursor.fetchall())
