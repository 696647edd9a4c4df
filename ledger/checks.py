"""What `verify_ledger` proves. Layers above add their own with `register`; the ledger knows none of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    for pk, reference, currency, difference in rows("""
        SELECT wrong.transaction_id, t.reference, wrong.currency, wrong.difference FROM (
            SELECT transaction_id, currency, sum(amount_minor) AS difference FROM ledger_entry
            GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0
        ) wrong LEFT JOIN ledger_transaction t ON t.id = wrong.transaction_id
    """):
        yield Finding(transaction_name(pk, reference), f"out of balance by {difference} {currency}")


@register
def transactions_have_entries() -> Iterator[Finding]:
    for pk, reference in rows("""
        SELECT t.id, t.reference FROM ledger_transaction t
        WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.transaction_id = t.id)
    """):
        yield Finding(transaction_name(pk, reference), "has no entries")


@register
def entries_have_their_transaction() -> Iterator[Finding]:
    for pk, transaction_id in rows("""
        SELECT e.id, e.transaction_id FROM ledger_entry e
        WHERE NOT EXISTS (SELECT FROM ledger_transaction t WHERE t.id = e.transaction_id)
    """):
        yield Finding(f"entry {pk}", f"belongs to transaction {transaction_id}, which is gone")


@register
def entries_fit_their_accounts() -> Iterator[Finding]:
    for entry, pk, reference, account_id, address in rows("""
        SELECT e.id, t.id, t.reference, e.account_id, a.address FROM ledger_entry e
        JOIN ledger_transaction t ON t.id = e.transaction_id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE a.id IS NULL OR a.currency <> e.currency OR a.livemode <> t.livemode
            OR a.merchant_id IS NOT NULL AND a.merchant_id IS DISTINCT FROM t.merchant_id
    """):
        where = f"account {account_id} ({address or 'gone'})"
        yield Finding(
            transaction_name(pk, reference),
            f"entry {entry} has another currency, mode or merchant than {where}",
        )


@register
def reversals_are_exact_opposites() -> Iterator[Finding]:
    for pk, reference, reverses_id in rows("""
        SELECT t.id, t.reference, t.reverses_id FROM ledger_transaction t
        WHERE t.reverses_id IS NOT NULL AND EXISTS (
            SELECT FROM (
                SELECT account_id, -amount_minor AS amount_minor, 1 AS one FROM ledger_entry
                    WHERE transaction_id = t.reverses_id
                UNION ALL
                SELECT account_id, amount_minor, -1 FROM ledger_entry WHERE transaction_id = t.id
            ) both_sides GROUP BY account_id, amount_minor HAVING sum(one) <> 0)
    """):
        yield Finding(
            transaction_name(pk, reference), f"is not the exact opposite of transaction {reverses_id}"
        )


def summed_totals() -> list[CurrencyTotals]:
    """The trial balance's last lines, read from all entries."""
    return read_currency_totals(SUMMED, {})


@register
def snapshots_are_the_sums_of_their_entries() -> Iterator[Finding]:
    for address, hour, kept, found in rows(WRONG_HOURS.format(covered=SEALED)):
        yield Finding(
            f"{address or 'an account that is gone'}, hour of {hour:%F %H}:00 UTC",
            f"its snapshot moves {kept or 'nothing'}, its entries {found or 'nothing'}",
        )


@register
def open_items_are_the_sums_of_their_entries() -> Iterator[Finding]:
    for address, item, kept, found in rows(WRONG_ITEMS.format(covered=SEALED)):
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
    for table, guard in rows("""
        SELECT wanted.* FROM (VALUES
            ('ledger_account', 'append_only'), ('ledger_account', 'append_only_whole'),
            ('ledger_limit', 'append_only'), ('ledger_limit', 'append_only_whole'),
            ('ledger_limit', 'one_by_one'), ('ledger_limit_proof', 'of_the_ledger'),
            ('ledger_limit_proof', 'append_only'), ('ledger_limit_proof', 'append_only_whole'),
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


def transaction_name(pk: int, reference: str | None) -> str:
    return f"transaction {pk} ({reference or 'gone'})"


def rows(sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} LIMIT {MAX_FINDINGS}", values)
        return list(cursor.fetchall())
