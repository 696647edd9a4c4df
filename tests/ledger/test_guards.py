"""What PostgreSQL refuses, whoever asks: the superuser, the tables' owner, or the application."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import (
    CheckViolation,
    ForeignKeyViolation,
    InsufficientPrivilege,
    RestrictViolation,
    UniqueViolation,
)

from ledger.accounts import account_ids
from ledger.models import LedgerTransaction
from merchants.services import create_merchant
from tests.ledger.bookings import fresh_reference, hold, merchant_balance, post

pytestmark = pytest.mark.usefixtures("books")

TABLES = ["ledger_account", "ledger_transaction", "ledger_entry"]
HEADER = """
    INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id)
    VALUES (%(reference)s, 'attack', %(livemode)s, %(merchant_id)s) RETURNING id
"""
Insert = Callable[..., int]


@pytest.fixture(params=["superuser", "owner", "application"])
def attacker(request: pytest.FixtureRequest, books: Any) -> Iterator[psycopg.Connection]:
    with getattr(books, request.param)() as connection:
        yield connection


@pytest.fixture
def booked(merchant_id: int) -> LedgerTransaction:
    return post(merchant_id, hold(merchant_id))


def account(
    address: str, merchant_id: int | None = None, currency: str = "eur", livemode: bool = False
) -> int:
    return account_ids([(address, currency, livemode, merchant_id)])[address, currency, livemode]


def header(attacker: psycopg.Connection, merchant_id: int | None = None, *, livemode: bool = False) -> int:
    values = {"reference": fresh_reference(), "merchant_id": merchant_id, "livemode": livemode}
    row = attacker.execute(HEADER, values).fetchone()
    assert row is not None
    return int(row[0])


def entries(attacker: psycopg.Connection, *rows: tuple[int, int, str, int]) -> None:
    """All of them in one statement."""
    attacker.execute(
        """INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
           SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[])""",
        [list(column) for column in zip(*rows, strict=True)],
    )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE {} SET id = id",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "MERGE INTO {} USING (VALUES (1)) AS one (n) ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO {0} SELECT * FROM {0} LIMIT 1 ON CONFLICT (id) DO UPDATE SET id = 0",
    ],
    ids=["update", "delete", "truncate", "merge", "upsert"],
)
def test_the_books_are_append_only(
    attacker: psycopg.Connection, booked: LedgerTransaction, table: str, attack: str
) -> None:
    # The application may lack the privilege before any trigger is asked; the others have every privilege.
    refusals: list[type[psycopg.Error]] = [RestrictViolation, CheckViolation]
    if attacker.info.user.endswith("_app"):
        refusals.append(InsufficientPrivilege)
    with pytest.raises(tuple(refusals)):
        attacker.execute(sql.SQL(attack).format(sql.Identifier(table)))


def test_a_balanced_transaction_is_accepted(attacker: psycopg.Connection, merchant_id: int) -> None:
    here, there = account(f"merchant:{merchant_id}:pending", merchant_id), account("suspense")
    with attacker.transaction():
        new = header(attacker, merchant_id)
        entries(attacker, (new, here, "eur", 5), (new, there, "eur", -5))
    assert merchant_balance(merchant_id, "pending") == 5


def test_an_unbalanced_transaction_is_refused(attacker: psycopg.Connection) -> None:
    with pytest.raises(CheckViolation, match="out of balance by 1 eur"), attacker.transaction():
        new = header(attacker)
        entries(attacker, (new, account("suspense"), "eur", 5), (new, account("bank:main"), "eur", -4))


def test_currencies_do_not_balance_each_other(attacker: psycopg.Connection) -> None:
    euros, dollars = account("bank:main"), account("bank:main", currency="usd")
    with pytest.raises(CheckViolation, match="out of balance"), attacker.transaction():
        new = header(attacker)
        entries(attacker, (new, euros, "eur", 10_000), (new, dollars, "usd", -10_000))


def test_transactions_do_not_balance_each_other(attacker: psycopg.Connection) -> None:
    here, there = account("suspense"), account("bank:main")
    with pytest.raises(CheckViolation, match="out of balance"), attacker.transaction():
        one, two = header(attacker), header(attacker)
        entries(
            attacker,
            (one, here, "eur", 5),
            (one, there, "eur", -4),
            (two, here, "eur", 3),
            (two, there, "eur", -4),
        )


def test_the_halves_of_a_transaction_can_not_come_apart(attacker: psycopg.Connection) -> None:
    with pytest.raises(CheckViolation, match="out of balance"), attacker.transaction():
        new = header(attacker)
        entries(attacker, (new, account("suspense"), "eur", 5))
        entries(attacker, (new, account("bank:main"), "eur", -5))


def test_copy_is_checked_like_insert(attacker: psycopg.Connection) -> None:
    suspense = account("suspense")
    with pytest.raises(CheckViolation, match="out of balance"), attacker.transaction():
        new = header(attacker)
        columns = "transaction_id, account_id, currency, amount_minor"
        with attacker.cursor().copy(f"COPY ledger_entry ({columns}) FROM STDIN") as copy:
            copy.write_row((new, suspense, "eur", 5))


def test_an_entry_of_nothing_is_refused(attacker: psycopg.Connection) -> None:
    with pytest.raises(CheckViolation, match="amount_is_not_zero"), attacker.transaction():
        new = header(attacker)
        entries(attacker, (new, account("suspense"), "eur", 0))


def test_a_balanced_append_to_an_old_transaction_is_refused(
    attacker: psycopg.Connection, booked: LedgerTransaction
) -> None:
    here, there = account("suspense"), account("bank:main")
    with pytest.raises(CheckViolation, match="database transaction of their header"):
        entries(attacker, (booked.pk, here, "eur", 5), (booked.pk, there, "eur", -5))


def test_a_header_can_not_be_opened_for_a_later_append(attacker: psycopg.Connection) -> None:
    with pytest.raises(CheckViolation, match="own xid"):
        attacker.execute(
            """INSERT INTO ledger_transaction (reference, kind, livemode, xid)
               SELECT %s, 'attack', false, (pg_current_xact_id()::text::bigint + 1)::text::xid8""",
            [fresh_reference()],
        )


def test_the_moment_of_booking_can_not_be_forged(attacker: psycopg.Connection) -> None:
    with pytest.raises(CheckViolation, match="booked_at"):
        attacker.execute(
            """INSERT INTO ledger_transaction (reference, kind, livemode, booked_at)
               VALUES (%s, 'attack', false, now() - interval '1 day')""",
            [fresh_reference()],
        )


def test_a_header_without_entries_does_not_commit(attacker: psycopg.Connection) -> None:
    with pytest.raises(CheckViolation, match="has no entries"):
        header(attacker)


def test_an_entry_without_a_header_is_refused(attacker: psycopg.Connection) -> None:
    here, there = account("suspense"), account("bank:main")
    with pytest.raises(CheckViolation):
        entries(attacker, (2**40, here, "eur", 5), (2**40, there, "eur", -5))


def test_an_entry_without_an_account_is_refused(attacker: psycopg.Connection) -> None:
    with pytest.raises((CheckViolation, ForeignKeyViolation)), attacker.transaction():
        new = header(attacker)
        entries(attacker, (new, 2**40, "eur", 5), (new, account("suspense"), "eur", -5))


def test_an_entry_in_another_currency_than_its_account_is_refused(attacker: psycopg.Connection) -> None:
    with pytest.raises(CheckViolation, match="does not fit account"), attacker.transaction():
        new = header(attacker)
        entries(attacker, (new, account("suspense"), "usd", 5), (new, account("bank:main"), "usd", -5))


def test_test_money_never_meets_live_money(attacker: psycopg.Connection) -> None:
    live = account("bank:main", livemode=True)
    with pytest.raises(CheckViolation, match="does not fit account"), attacker.transaction():
        new = header(attacker)
        entries(attacker, (new, live, "eur", 5), (new, account("suspense"), "eur", -5))


def test_a_merchants_account_takes_only_that_merchants_transactions(
    attacker: psycopg.Connection, merchant_id: int
) -> None:
    theirs = account(f"merchant:{merchant_id}:pending", merchant_id)
    for stranger in (None, create_merchant("Another shop").merchant.pk):
        with pytest.raises(CheckViolation, match="does not fit account"), attacker.transaction():
            new = header(attacker, stranger)
            entries(attacker, (new, theirs, "eur", 5), (new, account("suspense"), "eur", -5))


def test_a_temporary_table_can_not_stand_in_for_the_books(
    attacker: psycopg.Connection, booked: LedgerTransaction
) -> None:
    here, there = account("suspense"), account("bank:main")
    with pytest.raises((CheckViolation, InsufficientPrivilege)), attacker.transaction():
        attacker.execute("CREATE TEMPORARY TABLE ledger_transaction (LIKE public.ledger_transaction)")
        attacker.execute(
            """INSERT INTO pg_temp.ledger_transaction
               SELECT id, reference, kind, livemode, occurred_at, now(), pg_current_xact_id(),
                   merchant_id, NULL
               FROM public.ledger_transaction WHERE id = %s""",
            [booked.pk],
        )
        entries(attacker, (booked.pk, here, "eur", 5), (booked.pk, there, "eur", -5))


def test_a_reversal_is_the_exact_opposite(attacker: psycopg.Connection, booked: LedgerTransaction) -> None:
    ours, theirs = booked.entries.order_by("pk").values_list("account_id", flat=True)
    with pytest.raises(CheckViolation, match="not the exact opposite"), attacker.transaction():
        row = attacker.execute(
            """INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id, reverses_id)
               VALUES (%s, 'attack', false, %s, %s) RETURNING id""",
            [fresh_reference(), booked.merchant_id, booked.pk],
        ).fetchone()
        assert row is not None
        entries(attacker, (row[0], ours, "eur", -6_000), (row[0], theirs, "eur", 6_000))


def test_a_reference_names_one_transaction(attacker: psycopg.Connection, booked: LedgerTransaction) -> None:
    with pytest.raises(UniqueViolation):
        attacker.execute(
            HEADER, {"reference": booked.reference, "livemode": False, "merchant_id": booked.merchant_id}
        )


@pytest.mark.parametrize(
    ("address", "currency", "owned"),
    [
        ("Merchant 7", "eur", False),
        ("", "eur", False),
        ("suspense", "EUR", False),
        ("fees:earned", "eur", True),
        ("merchant:7:pending", "eur", False),
    ],
)
def test_an_account_is_well_formed(
    attacker: psycopg.Connection, merchant_id: int, address: str, currency: str, owned: bool
) -> None:
    with pytest.raises(CheckViolation):
        attacker.execute(
            """INSERT INTO ledger_account (address, currency, livemode, merchant_id)
               VALUES (%s, %s, false, %s)""",
            [address, currency, merchant_id if owned else None],
        )


def test_the_checks_read_by_index_however_small_the_tables_were(raw: psycopg.Connection) -> None:
    """A session keeps the plans it made when the tables were nearly empty."""
    rows = raw.execute("SELECT proname, proconfig FROM pg_proc WHERE proname LIKE 'ledger_check%'").fetchall()
    assert len(rows) == 3
    assert all("enable_seqscan=off" in config for _, config in rows)
