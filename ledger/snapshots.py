"""Sums that make reading fast: what each account moved in each hour, and what is left open on accounts of doubt. Both
follow the seals, so that they cover exactly what is sealed, and both can be made again from the entries."""

from typing import Any

from django.db import connection

from core.db import in_transaction

# The advisory lock of whoever seals: one at a time.
SEALING = 0x5EA1

# `{covered}` says which headers `t` are counted.
HOURS = """
    INSERT INTO ledger_hour AS known
        (account_id, hour, debit_minor, credit_minor, entries, first_entry_id, last_entry_id)
    SELECT e.account_id, date_trunc('hour', t.booked_at, 'UTC'), sum(greatest(e.amount_minor, 0)::numeric),
        sum(greatest(-e.amount_minor, 0)::numeric), count(*), min(e.id), max(e.id)
    FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id WHERE {covered}
    GROUP BY 1, 2
    ON CONFLICT (account_id, hour) DO UPDATE SET
        debit_minor = known.debit_minor + excluded.debit_minor,
        credit_minor = known.credit_minor + excluded.credit_minor,
        entries = known.entries + excluded.entries,
        first_entry_id = least(known.first_entry_id, excluded.first_entry_id),
        last_entry_id = greatest(known.last_entry_id, excluded.last_entry_id)
"""
OPEN_ITEMS = """
    INSERT INTO ledger_open_item AS known (account_id, item, amount_minor, since)
    SELECT e.account_id, split_part(t.reference, ':', 1), sum(e.amount_minor), min(t.booked_at)
    FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
    JOIN ledger_account a ON a.id = e.account_id AND a.address LIKE '%%unconfirmed' WHERE {covered}
    GROUP BY 1, 2 HAVING sum(e.amount_minor) <> 0
    ON CONFLICT (account_id, item) DO UPDATE SET
        amount_minor = known.amount_minor + excluded.amount_minor, since = least(known.since, excluded.since)
"""
CLOSED_ITEMS = "DELETE FROM ledger_open_item WHERE amount_minor = 0"
WRONG_HOURS = """
    SELECT a.address, hour, kept.net, found.net FROM (
        SELECT account_id, hour, (debit_minor - credit_minor)::text AS net,
            (debit_minor, credit_minor, entries)::text AS content FROM ledger_hour
    ) kept FULL JOIN (
        SELECT e.account_id, date_trunc('hour', t.booked_at, 'UTC') AS hour, sum(e.amount_minor)::text AS net,
            (sum(greatest(e.amount_minor, 0)::numeric), sum(greatest(-e.amount_minor, 0)::numeric),
             count(*))::text AS content
        FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id WHERE {covered} GROUP BY 1, 2
    ) found USING (account_id, hour) LEFT JOIN ledger_account a ON a.id = account_id
    WHERE kept.content IS DISTINCT FROM found.content
"""
WRONG_ITEMS = """
    SELECT a.address, item, kept.amount_minor, found.amount_minor FROM ledger_open_item kept FULL JOIN (
        SELECT e.account_id, split_part(t.reference, ':', 1) AS item, sum(e.amount_minor) AS amount_minor
        FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
        JOIN ledger_account a ON a.id = e.account_id AND a.address LIKE '%unconfirmed' WHERE {covered}
        GROUP BY 1, 2 HAVING sum(e.amount_minor) <> 0
    ) found USING (account_id, item) LEFT JOIN ledger_account a ON a.id = account_id
    WHERE kept.amount_minor IS DISTINCT FROM found.amount_minor
"""
# All that the seals cover. What a restored cluster books before its first seal may have a number that was used
# before: only what was brought here, by another transaction than it names, is measured by the old watermark.
SEALED = """EXISTS (SELECT FROM (SELECT * FROM ledger_seal ORDER BY number DESC LIMIT 1) last
    WHERE t.id <= last.base_id OR t.xid < last.watermark AND (
        last.system_identifier = (SELECT system_identifier FROM pg_control_system())
        OR t.xmin::text::bigint <> t.xid::text::bigint & 4294967295))"""


def add(covered: str, values: dict[str, Any]) -> None:
    """Counts the headers that the condition names, in the transaction that seals them."""
    with connection.cursor() as cursor:
        for statement in (HOURS, OPEN_ITEMS):
            cursor.execute(statement.format(covered=covered), values)
        cursor.execute(CLOSED_ITEMS)


@in_transaction
def rebuild() -> None:
    """Makes all of it again from the entries. Nothing is sealed meanwhile, and nobody else has to wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEALING])
        cursor.execute("DELETE FROM ledger_hour")
        cursor.execute("DELETE FROM ledger_open_item")
    add(SEALED, {})
