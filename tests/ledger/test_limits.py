"""Balance limits: held in Python with a good message, in PostgreSQL whoever writes, and between threads."""

from collections import Counter
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg.errors import CheckViolation, InvalidTransactionState, LockNotAvailable, RestrictViolation

from ledger import limits, services
from ledger.accounts import account_ids
from ledger.errors import LimitExceeded
from ledger.limits import check_limits, set_limit
from ledger.lines import Line, credit, debit
from ledger.models import LedgerLimit
from ledger.services import reverse
from tests.ledger.bookings import at_once, fresh_reference, merchant_balance, post

pytestmark = pytest.mark.usefixtures("books")

PAYOUT, REFUND, DISPUTE = "payout_started", "refund_started", "dispute_opened"


@pytest.fixture
def shop(merchant_id: int) -> int:
    """A merchant to whom we owe 100.00; refunds may go 20.00 below that, disputes as far as they like."""
    limit(merchant_id, 0)
    limit(merchant_id, 2_000, kind=REFUND)
    limit(merchant_id, None, kind=DISPUTE)
    post(merchant_id, money(merchant_id, -10_000), kind="available")
    return merchant_id


def limit(merchant_id: int, max_balance_minor: int | None, **more: Any) -> None:
    set_limit(
        available(merchant_id),
        "eur",
        livemode=False,
        merchant_id=merchant_id,
        max_balance_minor=max_balance_minor,
        **more,
    )


def available(merchant_id: int) -> str:
    return f"merchant:{merchant_id}:available"


def money(merchant_id: int, amount_minor: int) -> list[Line]:
    """Takes from the merchant, or gives where the amount is negative."""
    here, there = available(merchant_id), "bank:main"
    if amount_minor > 0:
        return [debit(here, "eur", amount_minor), credit(there, "eur", amount_minor)]
    return [credit(here, "eur", -amount_minor), debit(there, "eur", -amount_minor)]


def test_a_payout_takes_what_is_there_and_no_cent_more(shop: int) -> None:
    with pytest.raises(LimitExceeded) as refused:
        post(shop, money(shop, 10_001), kind=PAYOUT)
    assert refused.value.left_minor == 10_000
    for part in (available(shop), "-100.00 EUR", "0.00 EUR", "100.01 EUR", PAYOUT):
        assert part in refused.value.message
    post(shop, money(shop, 10_000), kind=PAYOUT)
    assert merchant_balance(shop, "available") == 0


def test_refunds_go_down_to_the_merchants_limit_and_disputes_always(shop: int) -> None:
    post(shop, money(shop, 12_000), kind=REFUND)
    with pytest.raises(LimitExceeded):
        post(shop, money(shop, 1), kind=REFUND)
    post(shop, money(shop, 50_000), kind=DISPUTE)
    assert merchant_balance(shop, "available") == 52_000


def test_a_kind_without_a_limit_of_its_own_has_the_accounts(shop: int) -> None:
    with pytest.raises(LimitExceeded):
        post(shop, money(shop, 10_001), kind="fee_taken")


def test_a_debt_is_paid_back_bit_by_bit(shop: int) -> None:
    post(shop, money(shop, 60_000), kind=DISPUTE)
    post(shop, money(shop, -1), kind="available")
    with pytest.raises(LimitExceeded) as refused:
        post(shop, money(shop, 1), kind=PAYOUT)
    assert refused.value.left_minor == -49_999


def test_a_posting_that_takes_and_gives_counts_as_what_it_moves(shop: int) -> None:
    both = [*money(shop, 30_000), credit(available(shop), "eur", 25_000), debit("bank:main", "eur", 25_000)]
    post(shop, both, kind=PAYOUT)
    assert merchant_balance(shop, "available") == -5_000


def test_a_repetition_is_not_held_against_itself(shop: int) -> None:
    reference = fresh_reference()
    first = post(shop, money(shop, 10_000), kind=PAYOUT, reference=reference)
    assert post(shop, money(shop, 10_000), kind=PAYOUT, reference=reference) == first


def test_a_reversal_is_held_to_the_limit_too(shop: int) -> None:
    post(shop, money(shop, 10_000), kind=PAYOUT)
    given = post(shop, money(shop, -500), kind="available")
    post(shop, money(shop, 500), kind=PAYOUT)
    with pytest.raises(LimitExceeded):
        reverse(given, reference=fresh_reference())


def test_the_latest_limit_counts_and_earlier_ones_stay(shop: int) -> None:
    limit(shop, 2_000)
    post(shop, money(shop, 12_000), kind=PAYOUT)
    limit(shop, 0)
    limit(shop, 0)
    with pytest.raises(LimitExceeded):
        post(shop, money(shop, 1), kind=PAYOUT)
    rows = LedgerLimit.objects.filter(account__address=available(shop), kind="").order_by("pk")
    assert [row.max_balance_minor for row in rows] == [0, 2_000, 0]


def test_of_many_payouts_at_once_only_what_is_there_goes_out(shop: int) -> None:
    results = at_once(8, lambda number: post(shop, money(shop, 3_000), kind=PAYOUT))
    assert Counter(type(result).__name__ for result in results) == {
        "LedgerTransaction": 3,
        "LimitExceeded": 5,
    }
    assert merchant_balance(shop, "available") == -1_000


def test_postgresql_holds_it_between_threads_that_ask_nobody(
    shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOCK", "SELECT 0, 0 FROM unnest(%s::bigint[]) WHERE %s = ''")
    results = at_once(8, lambda number: post(shop, money(shop, 3_000), kind=PAYOUT))
    assert Counter(type(result).__name__ for result in results) == {
        "LedgerTransaction": 3,
        "Overtaken": 5,
    }
    assert merchant_balance(shop, "available") == -1_000


def test_a_debit_that_asks_nobody_comes_between_our_look_and_our_write(
    shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_then_be_overtaken(*looked: Any) -> None:
        check_limits(*looked)
        monkeypatch.setattr(services, "check_limits", check_limits)
        at_once(1, lambda number: post(shop, money(shop, 320), kind=DISPUTE))

    monkeypatch.setattr(services, "check_limits", look_then_be_overtaken)
    with pytest.raises(LimitExceeded) as refused:
        post(shop, money(shop, 10_000), kind=PAYOUT)
    assert refused.value.left_minor == 9_680
    assert merchant_balance(shop, "available") == -9_680


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
def test_raw_sql_does_not_overdraw(books: Any, shop: int, by: str) -> None:
    with getattr(books, by)() as attacker:
        with pytest.raises(CheckViolation, match=r"takes account \d+ to 1, its limit is 0"):
            book(attacker, shop, 10_001, PAYOUT)
        # Two transactions in one statement, each of which would fit.
        with pytest.raises(CheckViolation, match="its limit is 0"):
            book(attacker, shop, 6_000, PAYOUT, PAYOUT)
        book(attacker, shop, 10_000, PAYOUT)
    assert merchant_balance(shop, "available") == 0


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_that_sees_the_past_may_not_move_a_limited_account(
    books: Any, shop: int, level: str
) -> None:
    with books.application() as attacker:
        attacker.execute(f"SET default_transaction_isolation = '{level.lower()}'")
        with pytest.raises(InvalidTransactionState, match="read committed"):
            book(attacker, shop, 1, PAYOUT)


def test_credits_and_sales_never_wait_for_a_payout(books: Any, shop: int) -> None:
    with books.application() as other, other.transaction():
        book(other, shop, 1, PAYOUT)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            post(shop, money(shop, -5_000), kind="available")
            post(shop, money(shop, 60_000), kind=DISPUTE)


def test_payouts_wait_for_each_other(books: Any, shop: int) -> None:
    with books.application() as other, other.transaction():
        book(other, shop, 1, PAYOUT)
        with books.application() as late:
            late.execute("SET lock_timeout = '50ms'")
            with pytest.raises(LockNotAvailable):
                book(late, shop, 1, PAYOUT)


def test_accounts_are_locked_in_one_order_whatever_the_lines_say(merchant_id: int) -> None:
    places = [f"merchant:{merchant_id}:{name}" for name in ("available", "reserve")]
    for place in places:
        set_limit(place, "eur", livemode=False, merchant_id=merchant_id, max_balance_minor=10_000)

    def both(number: int) -> object:
        lines = [debit(place, "eur", 1) for place in places[:: 1 if number % 2 else -1]]
        return post(merchant_id, [*lines, credit("bank:main", "eur", 2)], kind=PAYOUT)

    for _ in range(5):
        assert not [found for found in at_once(8, both) if isinstance(found, Exception)]


@pytest.mark.parametrize("attack", ["UPDATE ledger_limit SET kind = kind", "DELETE FROM ledger_limit"])
def test_a_limit_is_not_rewritten(raw: psycopg.Connection, shop: int, attack: str) -> None:
    with pytest.raises(RestrictViolation):
        raw.execute(attack)


def book(attacker: psycopg.Connection, merchant_id: int, amount_minor: int, *kinds: str) -> None:
    """One transaction of each kind; all entries in one statement."""
    wanted = [(available(merchant_id), "eur", False, merchant_id), ("bank:main", "eur", False, None)]
    ids = account_ids(wanted)
    with attacker.transaction():
        headers = []
        for kind in kinds:
            row = attacker.execute(
                """INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id)
                   VALUES (%s, %s, false, %s) RETURNING id""",
                [fresh_reference(), kind, merchant_id],
            ).fetchone()
            assert row is not None
            headers.append(row[0])
        attacker.execute(
            """INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
               SELECT header, line.account, 'eur', line.amount FROM unnest(%s::bigint[]) AS header,
                   unnest(%s::bigint[], %s::bigint[]) AS line (account, amount)""",
            [headers, [ids[place[:3]] for place in wanted], [amount_minor, -amount_minor]],
        )
