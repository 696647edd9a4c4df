"""Balances as of a moment by both clocks, statements and the trial balance: the same before sealing, after it, and
where a part is sealed only."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from ledger.models import LedgerAccount, LedgerTransaction
from ledger.queries import Clock, balance, balances, currency_totals, open_items, stable_until, trial_balance
from ledger.seals import seal_all
from ledger.services import reverse
from ledger.statements import statement
from tests.ledger.bookings import confirmation, fresh_reference, hold, post

pytestmark = pytest.mark.usefixtures("books")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture(params=["nothing", "a part", "everything"])
def history(
    request: pytest.FixtureRequest, merchant_id: int, raw: psycopg.Connection
) -> list[LedgerTransaction]:
    """Holds of 1, 2, 4, … cents, booked an hour apart; the third one happened a day before it was booked."""
    seal_all()
    made = []
    for number in range(6):
        booked_at = START + number * HOUR
        occurred_at = booked_at - DAY if number == 2 else booked_at
        made.append(book_at(raw, merchant_id, 2**number, booked_at, occurred_at))
        if request.param == "everything" or (request.param == "a part" and number == 3):
            seal_all()
    return made


def book_at(
    raw: psycopg.Connection, merchant_id: int, amount_minor: int, booked_at: datetime, occurred_at: datetime
) -> LedgerTransaction:
    """As it would be there if it had been booked then: with the guards off, since they ask for today's clock."""
    made = post(merchant_id, hold(merchant_id, amount_minor))
    with raw.transaction():
        raw.execute("SET LOCAL session_replication_role = replica")
        raw.execute(
            "UPDATE ledger_transaction SET booked_at = %s, occurred_at = %s WHERE id = %s",
            [booked_at, occurred_at, made.pk],
        )
    made.refresh_from_db()
    return made


def held(merchant_id: int, at: datetime | None = None, clock: Clock = Clock.BOOKED) -> int:
    return -balance(f"merchant:{merchant_id}:unconfirmed", "eur", False, at=at, clock=clock)


def account(merchant_id: int) -> LedgerAccount:
    return LedgerAccount.objects.get(address=f"merchant:{merchant_id}:unconfirmed")


def test_a_balance_as_of_a_moment_counts_what_was_booked_by_then(
    merchant_id: int, history: list[LedgerTransaction]
) -> None:
    assert held(merchant_id) == 63
    assert held(merchant_id, START - timedelta(microseconds=1)) == 0
    for number in range(6):
        at = START + number * HOUR
        assert held(merchant_id, at) == 2 ** (number + 1) - 1
        assert held(merchant_id, at - timedelta(microseconds=1)) == 2**number - 1
    assert held(merchant_id, START + 100 * DAY) == 63


def test_by_the_other_clock_it_counts_what_had_happened(
    merchant_id: int, history: list[LedgerTransaction]
) -> None:
    expected = {START - DAY: 0, START: 5, START + HOUR: 7, START + 3 * HOUR: 15}
    found = {at: held(merchant_id, at, Clock.OCCURRED) for at in expected}
    assert found == expected
    assert held(merchant_id, START + 2 * HOUR - DAY, Clock.OCCURRED) == 4


def test_what_is_dated_ahead_has_not_happened_yet(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id), occurred_at=datetime.now(UTC) + DAY)
    for _ in range(2):
        assert held(merchant_id, datetime.now(UTC)) == 10_000
        assert held(merchant_id, datetime.now(UTC), Clock.OCCURRED) == 0
        assert held(merchant_id, datetime.now(UTC) + 2 * DAY, Clock.OCCURRED) == 10_000
        seal_all()


def test_a_statement_has_the_balance_after_each_entry(
    merchant_id: int, history: list[LedgerTransaction]
) -> None:
    lines = statement(account(merchant_id)).lines
    assert [line.amount_minor for line in lines] == [-32, -16, -8, -4, -2, -1]
    assert [line.balance_minor for line in lines] == [-63, -31, -15, -7, -3, -1]
    assert lines[0].reference == history[-1].reference


def test_a_statement_as_of_a_moment_ends_there(merchant_id: int, history: list[LedgerTransaction]) -> None:
    lines = statement(account(merchant_id), at=START + 2 * HOUR).lines
    assert [(line.amount_minor, line.balance_minor) for line in lines] == [(-4, -7), (-2, -3), (-1, -1)]


@pytest.mark.parametrize("at", [None, START + 4 * HOUR])
def test_pages_of_a_statement_go_on_where_the_last_one_ended(
    merchant_id: int, history: list[LedgerTransaction], at: datetime | None
) -> None:
    whole = statement(account(merchant_id), at=at).lines
    parts, before = [], None
    while True:
        page = statement(account(merchant_id), at=at, before=before, limit=2)
        parts += page.lines
        if page.next_before is None:
            break
        before = page.next_before
        post(merchant_id, hold(merchant_id)) if at else None
    assert parts == whole
    assert len(parts) == (6 if at is None else 5)


def test_an_account_that_was_never_used_has_an_empty_statement(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id))
    empty = LedgerAccount.objects.create(address="suspense", currency="chf", livemode=True)
    assert statement(empty).lines == []


def test_the_trial_balance_as_of_a_moment_is_zero(merchant_id: int, history: list[LedgerTransaction]) -> None:
    at = START + 3 * HOUR
    for clock in Clock:
        assert all(row.balance == 0 for row in currency_totals(at=at, clock=clock))
    listed = {row.address: row.balance for row in trial_balance(False, at=at)}
    assert listed[f"merchant:{merchant_id}:unconfirmed"] == -15
    assert balances(merchant_id, at=at)[0].balance == -15


def test_what_is_unconfirmed_is_told_by_age(merchant_id: int) -> None:
    old, new = (post(merchant_id, hold(merchant_id, amount)) for amount in (500, 700))
    done = post(merchant_id, hold(merchant_id, 900))
    reverse(done, reference=done.reference.replace(":start", ":finish"))
    seal_all()
    place = f"merchant:{merchant_id}:unconfirmed"
    mine = [item for item in open_items(limit=10_000) if item.address == place]
    assert [(item.item, item.amount_minor, item.since) for item in mine] == [
        (booked.reference.split(":")[0], amount, booked.booked_at)
        for booked, amount in ((old, -500), (new, -700))
    ]
    assert not [item for item in open_items(older_than=HOUR) if item.address == place]


def test_what_is_confirmed_is_open_no_more(merchant_id: int) -> None:
    started = post(merchant_id, hold(merchant_id))
    seal_all()
    post(merchant_id, confirmation(merchant_id), reference=started.reference.replace(":start", ":finish"))
    seal_all()
    assert not [item for item in open_items(limit=10_000) if str(merchant_id) in item.address.split(":")]


def test_a_moment_is_stable_once_nothing_that_began_before_it_runs(books: Any) -> None:
    with books.application() as other, other.transaction():
        row: Any = other.execute("SELECT now()").fetchone()
        began = row[0]
        assert stable_until() <= began
    other.close()
    connection.close()
    assert stable_until() > began


def test_a_sum_beyond_64_bits_is_a_sum(merchant_id: int) -> None:
    most = 2**63 - 1
    for _ in range(2):
        post(merchant_id, hold(merchant_id, most, "usd"))
        seal_all()
    sums = {row.address: row.debit + row.credit for row in balances(merchant_id)}
    assert sums[f"merchant:{merchant_id}:unconfirmed"] == 2 * most


def test_reading_needs_no_seal_of_this_cluster(merchant_id: int, raw: psycopg.Connection) -> None:
    """As after a restore, before the first seal: then everything is read from the entries."""
    post(merchant_id, hold(merchant_id, 5))
    seal_all()
    unlike: Callable[[str], None] = lambda change: _replica(raw, f"UPDATE ledger_seal SET {change}")  # noqa: E731
    unlike("system_identifier = system_identifier + 1")
    try:
        post(merchant_id, hold(merchant_id, 7))
        assert held(merchant_id) == 12
        assert held(merchant_id, datetime.now(UTC)) == 12
        assert [line.balance_minor for line in statement(account(merchant_id)).lines] == [-12, -5]
    finally:
        unlike("system_identifier = system_identifier - 1")


def _replica(raw: psycopg.Connection, sql: str) -> None:
    with raw.transaction():
        raw.execute("SET LOCAL session_replication_role = replica")
        raw.execute(sql)


def test_reversals_are_in_the_statement_too(merchant_id: int) -> None:
    booked = post(merchant_id, hold(merchant_id))
    reverse(booked, reference=fresh_reference())
    assert [line.balance_minor for line in statement(account(merchant_id)).lines] == [0, -10_000]
