"""Tampering as superuser with the guards switched off, one kind in each test: `verify_ledger` says which."""

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from ledger import checks
from ledger.checks import Finding, register, registered
from ledger.models import LedgerTransaction
from ledger.services import reverse
from tests.ledger.bookings import fresh_reference, hold, post

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def booked(merchant_id: int) -> LedgerTransaction:
    return post(merchant_id, hold(merchant_id))


@pytest.fixture
def tamper(books: Any) -> Iterator[psycopg.Connection]:
    """Guards off; what the test does is undone at its end, so that the next finds whole books."""
    with books.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("CREATE TEMPORARY TABLE kept_entries AS SELECT * FROM ledger_entry")
        connection.execute("CREATE TEMPORARY TABLE kept_headers AS SELECT * FROM ledger_transaction")
        yield connection
        connection.execute("TRUNCATE ledger_entry, ledger_transaction")
        connection.execute("INSERT INTO ledger_transaction SELECT * FROM kept_headers")
        connection.execute("INSERT INTO ledger_entry SELECT * FROM kept_entries")


def verify(*options: str) -> str:
    output = io.StringIO()
    call_command("verify_ledger", *options, stdout=output)
    return output.getvalue()


def verify_broken(*options: str) -> str:
    output = io.StringIO()
    with pytest.raises(CommandError, match="broken") as failure:
        call_command("verify_ledger", *options, stdout=output)
    assert failure.value.returncode == 1
    return output.getvalue()


def test_whole_books_are_shown_with_their_trial_balance(booked: LedgerTransaction) -> None:
    output = verify()
    assert "transactions sum to zero" in output
    assert "EUR" in output
    assert "0.00 EUR" in output


def test_quiet_says_nothing_when_all_is_well(booked: LedgerTransaction) -> None:
    assert verify("--quiet") == ""


def test_a_changed_amount_is_found(booked: LedgerTransaction, tamper: psycopg.Connection) -> None:
    tamper.execute(
        "UPDATE ledger_entry SET amount_minor = 9999 WHERE transaction_id = %s AND amount_minor > 0",
        [booked.pk],
    )
    output = verify_broken("--quiet")
    assert f"transaction {booked.pk} ({booked.reference}): out of balance by -1 eur" in output
    assert "all accounts in EUR test: debits and credits differ by -0.01 EUR" in output
    assert "┃" in verify_broken()


def test_removed_entries_are_found(booked: LedgerTransaction, tamper: psycopg.Connection) -> None:
    tamper.execute("DELETE FROM ledger_entry WHERE transaction_id = %s", [booked.pk])
    assert f"transaction {booked.pk} ({booked.reference}): has no entries" in verify_broken("--quiet")


def test_a_removed_transaction_is_found(booked: LedgerTransaction, tamper: psycopg.Connection) -> None:
    tamper.execute("DELETE FROM ledger_transaction WHERE id = %s", [booked.pk])
    assert f"belongs to transaction {booked.pk}, which is gone" in verify_broken("--quiet")


@pytest.mark.parametrize("change", ["currency = 'usd'", "account_id = 0"])
def test_entries_that_left_their_account_are_found(
    booked: LedgerTransaction, tamper: psycopg.Connection, change: str
) -> None:
    tamper.execute(f"UPDATE ledger_entry SET {change} WHERE transaction_id = %s", [booked.pk])
    output = verify_broken("--quiet")
    assert f"transaction {booked.pk} ({booked.reference})" in output
    assert "than account" in output


def test_a_transaction_that_changed_mode_is_found(
    booked: LedgerTransaction, tamper: psycopg.Connection
) -> None:
    tamper.execute("UPDATE ledger_transaction SET livemode = true WHERE id = %s", [booked.pk])
    assert "has another currency, mode or merchant" in verify_broken("--quiet")


def test_a_reversal_of_something_else_is_found(
    booked: LedgerTransaction, merchant_id: int, tamper: psycopg.Connection
) -> None:
    other = post(merchant_id, hold(merchant_id, 5))
    reversal = reverse(booked, reference=fresh_reference())
    tamper.execute("UPDATE ledger_transaction SET reverses_id = %s WHERE id = %s", [other.pk, reversal.pk])
    assert f"is not the exact opposite of transaction {other.pk}" in verify_broken("--quiet")


def test_a_guard_that_is_switched_off_is_found(books: Any) -> None:
    with books.superuser() as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER balanced")
        try:
            assert "table ledger_entry: its trigger balanced is missing or switched off" in verify_broken()
        finally:
            connection.execute("ALTER TABLE ledger_entry ENABLE TRIGGER balanced")
    verify()


def test_a_layer_above_adds_its_own_check(monkeypatch: Any) -> None:
    def operations_explain_the_unconfirmed() -> list[Finding]:
        return [Finding("op_1", "is closed, but its hold is not")]

    monkeypatch.setattr(checks, "_checks", list(registered()))
    register(operations_explain_the_unconfirmed)
    register(operations_explain_the_unconfirmed)
    output = verify_broken()
    assert "operations explain the unconfirmed" in output
    assert output.count("op_1: is closed, but its hold is not") == 1


def test_checks_can_not_write(monkeypatch: Any, merchant_id: int) -> None:
    def writer() -> list[Finding]:
        post(merchant_id, hold(merchant_id))
        return []

    monkeypatch.setattr(checks, "_checks", [writer])
    with pytest.raises(Exception, match="read-only transaction"):
        verify()
