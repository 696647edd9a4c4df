"""Limits are proven: each posting that asked can be measured again, and limits are sealed as entries are."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg.errors import CheckViolation

from ledger.models import LedgerLimit, LedgerLimitProof, LedgerSeal, LedgerTransaction
from ledger.seals import seal_all
from tests.ledger.bookings import at_once, post
from tests.ledger.test_limits import DISPUTE, PAYOUT, REFUND, available, book, limit, money, shop
from tests.ledger.test_seals import tamper
from tests.ledger.test_verify_ledger import verify, verify_broken

__all__ = ["shop", "tamper"]
pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def paid_out(shop: int) -> LedgerTransaction:
    """100.00 of 100.00; nobody asks for the sale before it, nor for the dispute after it."""
    booked = post(shop, money(shop, 10_000), kind=PAYOUT)
    post(shop, money(shop, 700), kind=DISPUTE)
    seal_all()
    return booked


def limit_of(shop: int, kind: str = "") -> LedgerLimit:
    return LedgerLimit.objects.filter(account__address=available(shop), kind=kind).latest("pk")


def test_who_asked_has_left_a_proof(shop: int, paid_out: LedgerTransaction) -> None:
    proofs = LedgerLimitProof.objects.filter(account__address=available(shop))
    assert [(proof.transaction_id, proof.limit_id) for proof in proofs] == [(paid_out.pk, limit_of(shop).pk)]
    assert verify("--quiet") == ""


def test_proofs_hold_between_threads_and_within_one_database_transaction(books: Any, shop: int) -> None:
    results = at_once(8, lambda number: post(shop, money(shop, 2_000), kind=PAYOUT))
    assert Counter(type(result).__name__ for result in results)["LedgerTransaction"] == 5
    with transaction.atomic():
        post(shop, money(shop, -300), kind="available")
        post(shop, money(shop, 300), kind=PAYOUT)
        post(shop, money(shop, -300), kind="available")
        limit(shop, 50)
        post(shop, money(shop, 350), kind=PAYOUT)
    with books.superuser() as raw:
        # Two in one statement, each of which sees both.
        post(shop, money(shop, -100), kind="available")
        book(raw, shop, 25, PAYOUT, REFUND)
    assert verify("--quiet") == ""


def test_what_came_later_is_not_taken_for_seen(books: Any, shop: int) -> None:
    """A credit with a lower number that commits after a payout does not count for it."""
    begun, paid = threading.Event(), threading.Event()

    def give_slowly() -> None:
        try:
            with transaction.atomic():
                post(shop, money(shop, -5_000), kind="available")
                begun.set()
                assert paid.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        giving = threads.submit(give_slowly)
        assert begun.wait(30)
        booked = post(shop, money(shop, 10_000), kind=PAYOUT)
        paid.set()
        giving.result()
    assert verify("--quiet") == ""
    with books.superuser() as raw:
        raw.execute("SET session_replication_role = replica")
        was = raw.execute(
            "SELECT max_balance_minor FROM ledger_limit WHERE id = %s", [limit_of(shop).pk]
        ).fetchone()
        assert was == (0,)
        raw.execute("UPDATE ledger_limit SET max_balance_minor = -1 WHERE id = %s", [limit_of(shop).pk])
        # With the credit it would have been −50.00.
        wanted = f"transaction {booked.pk} ({booked.reference}): took {available(shop)} to 0.00 EUR"
        assert f"{wanted}, its limit was -0.01 EUR" in verify_broken("--quiet")
        raw.execute("UPDATE ledger_limit SET max_balance_minor = 0 WHERE id = %s", [limit_of(shop).pk])
    assert verify("--quiet") == ""


def test_a_payout_that_was_booked_past_the_guards_is_found_though_it_was_sealed(
    books: Any, shop: int, tamper: psycopg.Connection
) -> None:
    tamper.execute("UPDATE ledger_limit SET created_at = created_at - interval '2 hours'")
    book(tamper, shop, 10_001, PAYOUT)
    post(shop, money(shop, -20_000), kind="available")
    seal_all()
    booked = LedgerTransaction.objects.filter(merchant_id=shop, kind=PAYOUT).latest("pk")
    assert (
        f"transaction {booked.pk} ({booked.reference}): took 100.01 EUR from {available(shop)} and left no proof "
        f"that limit {limit_of(shop).pk} allowed it" in verify_broken("--quiet")
    )


def test_money_that_was_never_there_is_found_by_who_asked(
    shop: int, paid_out: LedgerTransaction, tamper: psycopg.Connection
) -> None:
    given = LedgerTransaction.objects.filter(merchant_id=shop, kind="available").latest("pk")
    tamper.execute("DELETE FROM ledger_entry WHERE transaction_id = %s", [given.pk])
    output = verify_broken("--quiet")
    assert f"({paid_out.reference}): took {available(shop)} to 100.00 EUR, its limit was 0.00 EUR" in output


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE ledger_limit SET max_balance_minor = 5000 WHERE id = %(limit)s",
            "was changed, or its account was",
        ),
        ("UPDATE ledger_limit SET kind = 'x' WHERE id = %(limit)s", "was changed, or its account was"),
        ("DELETE FROM ledger_limit WHERE id = %(limit)s", "is gone"),
        ("TRUNCATE ledger_limit CASCADE", "is gone"),
        (
            "INSERT INTO ledger_limit (account_id, kind, max_balance_minor, xid) "
            "SELECT account_id, 'payout_started', NULL, xid FROM ledger_limit WHERE id = %(limit)s RETURNING id",
            "was added to what is sealed",
        ),
    ],
)
def test_a_limit_that_was_touched_is_found_and_named(
    shop: int, paid_out: LedgerTransaction, tamper: psycopg.Connection, change: str, found: str
) -> None:
    limited = limit_of(shop)
    cursor = tamper.execute(change, {"limit": limited.pk})
    touched = cursor.fetchone() if cursor.description else (limited.pk,)
    assert touched is not None
    lines = [line for line in verify_broken("--quiet").splitlines() if line.startswith(f"limit {touched[0]}")]
    assert len(lines) == 1
    assert found in lines[0]
    if "gone" not in found:
        assert available(shop) in lines[0]


@pytest.mark.parametrize(
    ("change", "found"),
    [("SET seen = '1:1:'", "was changed"), ("SET limit_id = limit_id + 1", "was changed"), ("", "is gone")],
)
def test_a_proof_that_was_touched_is_found(
    shop: int, paid_out: LedgerTransaction, tamper: psycopg.Connection, change: str, found: str
) -> None:
    proof = LedgerLimitProof.objects.get(transaction=paid_out)
    verb = f"UPDATE ledger_limit_proof {change}" if change else "DELETE FROM ledger_limit_proof"
    tamper.execute(f"{verb} WHERE id = %s", [proof.pk])
    output = verify_broken("--quiet")
    assert f"proof {proof.pk} of a limit: {found}" in output
    if "limit_id" in change:
        assert "which did not hold for it" in output


def test_a_limit_is_sealed_before_anything_is_booked_on_it(shop: int, tamper: psycopg.Connection) -> None:
    seal_all()
    limit(shop, 0, kind="adjustment")
    before = LedgerSeal.objects.count()
    assert [seal_all(), seal_all()] == [0, 0]
    assert LedgerSeal.objects.count() == before + 1
    assert verify("--quiet") == ""
    tamper.execute("DELETE FROM ledger_limit WHERE id = %s", [limit_of(shop, "adjustment").pk])
    assert "is gone" in verify_broken("--quiet")


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
def test_nobody_writes_a_proof_or_dates_a_limit(
    books: Any, shop: int, paid_out: LedgerTransaction, by: str
) -> None:
    with getattr(books, by)() as attacker:
        with pytest.raises(CheckViolation, match="written by the ledger"):
            attacker.execute(
                """INSERT INTO ledger_limit_proof (transaction_id, account_id, limit_id, seen, last_entry_id)
                   SELECT transaction_id + 1, account_id, limit_id, seen, last_entry_id FROM ledger_limit_proof"""
            )
        for forged in ("xid) VALUES (%s, '1')", "created_at) VALUES (%s, now() - interval '1 day')"):
            with pytest.raises(CheckViolation, match="own xid and time"):
                attacker.execute(
                    f"INSERT INTO ledger_limit (account_id, {forged}", [limit_of(shop).account_id]
                )
