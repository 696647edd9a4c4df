"""From addresses to account ids. An account's id never changes, so each process asks the database once."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import connection, transaction

from core.db import run_statement
from ledger.errors import AccountMismatch

Wanted = tuple[str, str, bool, int | None]  # address, currency, livemode, merchant
Key = tuple[str, str, bool]
Known = dict[Key, tuple[int, int | None]]  # id, merchant

# Some 300 bytes each: a bound on memory. Past it the process forgets all and asks again.
MAX_REMEMBERED = 200_000

FIND = """
    SELECT account.address, account.currency, account.livemode, account.id, account.merchant_id
    FROM ledger_account account
    JOIN unnest(%(addresses)s::text[], %(currencies)s::text[], %(livemodes)s::boolean[])
        AS wanted (address, currency, livemode) USING (address, currency, livemode)
"""
# In sorted order: processes that create the same accounts wait for each other, and never in a ring.
CREATE = """
    INSERT INTO ledger_account (address, currency, livemode, merchant_id)
    SELECT address, currency, livemode, nullif(merchant_id, 0)
    FROM unnest(%(addresses)s::text[], %(currencies)s::text[], %(livemodes)s::boolean[],
                %(merchants)s::bigint[]) AS wanted (address, currency, livemode, merchant_id)
    ORDER BY address, currency, livemode
    ON CONFLICT (address, currency, livemode) DO NOTHING
    RETURNING id
"""

# By database: a process that is pointed to another one must not book on the first one's ids.
_remembered: dict[str, Known] = {}


def account_ids(wanted: Iterable[Wanted]) -> dict[Key, int]:
    """The ids of the accounts at (address, currency, livemode, merchant or None), made where missing.

    No round trip for accounts this process has met. What it finds or makes inside a transaction it remembers
    only after the commit. AccountMismatch where an account belongs to another merchant.
    """
    remembered = _remembered.setdefault(connection.settings_dict["NAME"], {})
    ids: dict[Key, int] = {}
    missing: dict[Key, int | None] = {}
    for address, currency, livemode, merchant_id in wanted:
        key = (address, currency, livemode)
        known = remembered.get(key)
        if known is None:
            missing[key] = merchant_id
        else:
            ids[key] = _of_merchant(key, known, merchant_id)
    if missing:
        found = _find_or_create(missing)
        for key, merchant_id in missing.items():
            ids[key] = _of_merchant(key, found[key], merchant_id)
        if connection.in_atomic_block:
            transaction.on_commit(partial(_remember, remembered, found))
        else:
            _remember(remembered, found)
    return ids


def _find_or_create(missing: dict[Key, int | None]) -> Known:
    found = _find(missing)
    absent = {key: merchant_id for key, merchant_id in missing.items() if key not in found}
    if absent:
        # Another process may make the same ones meanwhile: then theirs are found by the second look, whose
        # snapshot is later than the conflict.
        _rows(CREATE, _columns(absent))
        found |= _find(absent)
    return found


def _find(missing: dict[Key, int | None]) -> Known:
    return {
        (address, currency, livemode): (account_id, merchant_id)
        for address, currency, livemode, account_id, merchant_id in _rows(FIND, _columns(missing))
    }


def _columns(missing: dict[Key, int | None]) -> dict[str, list[Any]]:
    return {
        "addresses": [key[0] for key in missing],
        "currencies": [key[1] for key in missing],
        "livemodes": [key[2] for key in missing],
        "merchants": [merchant_id or 0 for merchant_id in missing.values()],
    }


def _rows(sql: str, values: dict[str, list[Any]]) -> list[Any]:
    # A thread that holds a connection must not wait for a second one: when all do, nobody gets any.
    if connection.connection is None:
        return run_statement(sql, values)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _of_merchant(key: Key, known: tuple[int, int | None], merchant_id: int | None) -> int:
    account_id, owner_id = known
    if owner_id != merchant_id:
        raise AccountMismatch(
            f"Account {key[0]} {key[1].upper()} belongs to merchant {owner_id}, not to {merchant_id}."
        )
    return account_id


def _remember(remembered: Known, found: Known) -> None:
    if len(remembered) + len(found) > MAX_REMEMBERED:
        remembered.clear()
    remembered.update(found)
