"""Seals: what is sealed can not be changed unseen, whoever changes it; and they follow what is visible, never ids."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from psycopg.errors import CheckViolation, RestrictViolation

from controls.models import AuditEntry
from ledger import merkle, seals
from ledger.models import LedgerAccount, LedgerEntry, LedgerSeal, LedgerTransaction
from ledger.queries import balance
from ledger.seals import seal_all, unsealed
from ledger.snapshots import rebuild
from tests.ledger.bookings import fresh_reference, hold, post
from tests.ledger.test_guards import HEADER
from tests.ledger.test_verify_ledger import verify, verify_broken

pytestmark = pytest.mark.usefixtures("books")

TABLES = [
    "ledger_account",
    "ledger_transaction",
    "ledger_entry",
    "ledger_limit",
    "ledger_limit_proof",
    "ledger_seal",
    "ledger_hour",
    "ledger_open_item",
    "controls_audit",
]


@pytest.fixture
def sealed(merchant_id: int) -> LedgerTransaction:
    """In the middle of what is sealed: something before it and something after."""
    post(merchant_id, hold(merchant_id, 1_000))
    booked = post(merchant_id, hold(merchant_id, 2_000))
    post(merchant_id, hold(merchant_id, 3_000))
    seal_all()
    return booked


@pytest.fixture
def tamper(books: Any) -> Iterator[psycopg.Connection]:
    """Superuser with the guards off; what the test does is undone at its end."""
    with books.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        for table in TABLES:
            connection.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")
        yield connection
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")


def heads(tmp_path: Path) -> Path:
    output = io.StringIO()
    call_command("seal_heads", stdout=output)
    file = tmp_path / "heads.txt"
    file.write_text(output.getvalue())
    return file


def entry_of(booked: LedgerTransaction) -> LedgerEntry:
    return LedgerEntry.objects.filter(transaction=booked).order_by("pk")[0]


def test_what_is_booked_is_sealed_once(sealed: LedgerTransaction) -> None:
    assert seal_all() == 0
    assert unsealed().transactions == 0
    assert "Everything that is booked is sealed" in verify()
    assert verify("--quiet") == ""


def test_the_tail_is_told_with_its_age(sealed: LedgerTransaction, merchant_id: int) -> None:
    late = post(merchant_id, hold(merchant_id))
    assert unsealed().oldest == late.booked_at
    assert "Not sealed yet: 1 transactions, the oldest booked" in verify()
    assert seal_all() == 1


def note(summary: str) -> AuditEntry:
    return AuditEntry.objects.create(kind="changed", username="maria", request_id="req_1", summary=summary)


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        ("UPDATE controls_audit SET summary = 'nothing' WHERE id = %(id)s", "audit line {id}: was changed"),
        ("UPDATE controls_audit SET username = 'otto' WHERE id = %(id)s", "audit line {id}: was changed"),
        ("DELETE FROM controls_audit WHERE id = %(id)s", "audit line {id}: is gone"),
        (
            "INSERT INTO controls_audit SELECT (a.x).* FROM (SELECT jsonb_populate_record(b, '{\"id\": 9999}') AS x"
            " FROM controls_audit b WHERE b.id = %(id)s) a",
            "audit line 9999: was added",
        ),
    ],
)
def test_a_line_of_the_audit_is_sealed_too(tamper: psycopg.Connection, attack: str, found: str) -> None:
    note("before")
    line = note("Gave themselves a role.")
    number = LedgerSeal.objects.count()
    seal_all()
    assert LedgerSeal.objects.count() == number + 1 and seal_all() == 0
    note("after")
    assert verify("--quiet") == ""
    tamper.execute(attack, {"id": line.pk})
    assert found.format(id=line.pk) in verify_broken("--quiet")


def test_whoever_writes_a_line_does_not_say_when_it_became_visible(books: Any) -> None:
    """Else a forged line could claim a place that no seal looks at any more."""
    with books.superuser() as raw:
        (own, forged) = raw.execute(
            "INSERT INTO controls_audit (kind, username, request_id, model, object_id, object_name, summary, xid)"
            " VALUES ('saw', 'x', '', '', '', '', 'x', '3') RETURNING pg_current_xact_id(), xid"
        ).fetchone()
    assert own == forged


def test_batches_are_bounded_and_chained(merchant_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_all()
    monkeypatch.setattr(seals, "MAX_TRANSACTIONS", 2)
    before = LedgerSeal.objects.count()
    for _ in range(5):
        post(merchant_id, hold(merchant_id))
    assert seal_all() == 5
    made = list(LedgerSeal.objects.order_by("number")[before:])
    assert [seal.transactions for seal in made] == [2, 2, 1]
    assert bytes(made[1].previous) == bytes(made[0].hash)
    assert verify("--quiet") == ""


def test_many_bookings_of_one_database_transaction_are_one_batch(
    merchant_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal_all()
    monkeypatch.setattr(seals, "MAX_TRANSACTIONS", 2)
    with transaction.atomic():
        for _ in range(5):
            post(merchant_id, hold(merchant_id))
    assert seal_all() == 5
    assert verify("--quiet") == ""


def test_a_lower_id_that_commits_later_is_sealed_later_and_counted_once(books: Any, merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id, 100))
    seal_all()
    place = f"merchant:{merchant_id}:unconfirmed"
    accounts = dict(LedgerAccount.objects.values_list("address", "pk"))
    with books.application() as slow, slow.transaction():
        row = slow.execute(
            HEADER, {"reference": fresh_reference(), "merchant_id": merchant_id, "livemode": False}
        ).fetchone()
        slow.execute(
            """INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
               VALUES (%s, %s, 'eur', 7), (%s, %s, 'eur', -7)""",
            [row[0], accounts["processor:sandbox:unconfirmed"], row[0], accounts[place]],
        )
        higher = post(merchant_id, hold(merchant_id, 20))
        assert higher.pk > row[0]
        # The higher one is visible, but below it something still runs.
        assert seal_all() == 0
        assert balance(place, "eur", False) == -120
    assert balance(place, "eur", False) == -127
    assert seal_all() == 2
    assert balance(place, "eur", False) == -127
    post(merchant_id, hold(merchant_id, 1_000))
    assert balance(place, "eur", False) == -1_127
    assert verify("--quiet") == ""


def test_rebuilt_snapshots_are_the_same(sealed: LedgerTransaction, tamper: psycopg.Connection) -> None:
    tamper.execute("UPDATE ledger_hour SET debit_minor = debit_minor + 1")
    tamper.execute("DELETE FROM ledger_open_item")
    output = verify_broken("--quiet")
    assert "its snapshot moves" in output
    assert "is kept as open with 0, its entries say" in output
    rebuild()
    assert verify("--quiet") == ""
    call_command("rebuild_snapshots", stdout=io.StringIO())
    assert verify("--quiet") == ""


@pytest.mark.parametrize(
    "change",
    [
        # Both entries, so that the sums still fit.
        "UPDATE ledger_entry SET amount_minor = amount_minor * 2 WHERE transaction_id = %(id)s",
        "UPDATE ledger_transaction SET occurred_at = occurred_at - interval '1 day' WHERE id = %(id)s",
        "UPDATE ledger_transaction SET kind = 'gift' WHERE id = %(id)s",
        "UPDATE ledger_transaction SET reference = 'x' WHERE id = %(id)s",
        "UPDATE ledger_account SET address = address || 'x' WHERE id = %(account)s",
    ],
)
def test_a_changed_row_is_found(sealed: LedgerTransaction, tamper: psycopg.Connection, change: str) -> None:
    entry = entry_of(sealed)
    tamper.execute(change, {"id": sealed.pk, "account": entry.account_id})
    output = verify_broken("--quiet")
    assert f"entry {entry.pk}: was changed, or its transaction or its account was" in output


def test_a_removed_row_is_found(sealed: LedgerTransaction, tamper: psycopg.Connection) -> None:
    entry = entry_of(sealed)
    tamper.execute("DELETE FROM ledger_entry WHERE transaction_id = %s", [sealed.pk])
    assert f"entry {entry.pk}: is gone" in verify_broken("--quiet")


def test_a_removed_header_is_found(sealed: LedgerTransaction, tamper: psycopg.Connection) -> None:
    entry = entry_of(sealed)
    tamper.execute("DELETE FROM ledger_transaction WHERE id = %s", [sealed.pk])
    assert (
        f"entry {entry.pk}: left its place, or its transaction {sealed.pk} did or is gone" in verify_broken()
    )


def test_an_added_row_is_found(sealed: LedgerTransaction, tamper: psycopg.Connection) -> None:
    row = tamper.execute(
        """INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
           SELECT transaction_id, account_id, currency, amount_minor FROM ledger_entry
           WHERE transaction_id = %s ORDER BY id RETURNING id""",
        [sealed.pk],
    ).fetchone()
    assert row is not None
    assert f"entry {row[0]}: was added to what is sealed" in verify_broken("--quiet")


def test_the_newest_sealed_row_is_no_exception(merchant_id: int, tamper: psycopg.Connection) -> None:
    newest = post(merchant_id, hold(merchant_id))
    seal_all()
    for table, column in ("ledger_entry", "transaction_id"), ("ledger_transaction", "id"):
        tamper.execute(f"DELETE FROM {table} WHERE {column} = %s", [newest.pk])
    assert "is gone" in verify_broken("--quiet")


def test_a_truncated_ledger_is_found(sealed: LedgerTransaction, tamper: psycopg.Connection) -> None:
    tamper.execute("TRUNCATE ledger_entry, ledger_transaction")
    assert f"entry {entry_id_of(tamper, sealed)}: is gone" in verify_broken("--quiet")


def entry_id_of(tamper: psycopg.Connection, booked: LedgerTransaction) -> int:
    row = tamper.execute(
        "SELECT min(id) FROM kept_ledger_entry WHERE transaction_id = %s", [booked.pk]
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("column", ["root", "hash", "previous", "watermark", "entries"])
def test_a_changed_seal_is_found(sealed: LedgerTransaction, tamper: psycopg.Connection, column: str) -> None:
    change = {"watermark": "'1'", "entries": "entries + 1"}.get(column, "decode(repeat('ab', 32), 'hex')")
    tamper.execute(
        f"UPDATE ledger_seal SET {column} = {change} WHERE number = (SELECT max(number) FROM ledger_seal)"
    )
    assert "seal" in verify_broken("--quiet")


def test_seals_that_fit_what_was_changed_are_found_by_a_head_kept_outside(
    sealed: LedgerTransaction, merchant_id: int, tamper: psycopg.Connection, tmp_path: Path
) -> None:
    anchor = heads(tmp_path)
    assert verify("--quiet", f"--anchor={anchor}") == ""
    tamper.execute("DELETE FROM ledger_entry WHERE transaction_id = %s", [sealed.pk])
    tamper.execute("DELETE FROM ledger_transaction WHERE id = %s", [sealed.pk])
    for table in ("ledger_seal", "ledger_hour", "ledger_open_item"):
        tamper.execute(f"DELETE FROM {table}")
    assert "is gone, its head was kept outside: the chain was rewound" in verify_broken(
        "--quiet", f"--anchor={anchor}"
    )
    seal_all()
    seals_before = int(anchor.read_text().split()[0])
    for _ in range(seals_before):
        post(merchant_id, hold(merchant_id))
        seal_all()
    assert verify("--quiet") == ""
    assert "has another hash than the head that was kept outside" in verify_broken(
        "--quiet", f"--anchor={anchor}"
    )


def test_a_rewound_head_is_found(
    sealed: LedgerTransaction, tamper: psycopg.Connection, tmp_path: Path
) -> None:
    anchor = heads(tmp_path)
    tamper.execute("DELETE FROM ledger_seal WHERE number = (SELECT max(number) FROM ledger_seal)")
    assert "the chain was rewound" in verify_broken("--quiet", f"--anchor={anchor}")


@pytest.mark.parametrize("content", ["", "seven ab", "7 zz\n"])
def test_a_file_that_holds_no_heads_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "heads.txt"
    file.write_text(content)
    with pytest.raises(CommandError, match="head of seals"):
        call_command("verify_ledger", f"--anchor={file}", stdout=io.StringIO())


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
def test_nobody_changes_or_forks_the_chain(books: Any, sealed: LedgerTransaction, by: str) -> None:
    fork = """INSERT INTO ledger_seal SELECT number {}, previous, root, hash, transactions, entries, leaves,
        watermark, base_id, system_identifier, sealed_at FROM ledger_seal ORDER BY number DESC LIMIT 1"""
    with getattr(books, by)() as attacker:
        for attack in ("DELETE FROM ledger_seal", "UPDATE ledger_seal SET root = root"):
            with pytest.raises((RestrictViolation, psycopg.errors.InsufficientPrivilege)):
                attacker.execute(attack)
        for shift in ("+ 2", "+ 1", "- 1"):
            with pytest.raises(CheckViolation, match="does not follow"):
                attacker.execute(fork.format(shift))


def test_merkle_roots_are_those_of_rfc_6962() -> None:
    # Published with the standard's reference code: no leaf, and the leaves "" and 0x00.
    assert merkle.root([]).hex().startswith("e3b0c44298fc1c14")
    leaves = [merkle.leaf_hash(b""), merkle.leaf_hash(b"\0"), merkle.leaf_hash(b"\x10")]
    assert leaves[0].hex().startswith("6e340b9cffb37a98")
    assert merkle.root(leaves[:1]) == leaves[0]
    assert merkle.root(leaves[:2]).hex().startswith("fac54203e7cc696c")
    assert merkle.root(leaves).hex().startswith("aeb6bcfe274b70a1")
