from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import ForeignKeyViolation, SerializationFailure

from core.db import MAX_TRIES
from ledger.errors import AccountMismatch, AlreadyReversed, LedgerError, ReferenceReused, Unbalanced
from ledger.limits import set_limit
from ledger.lines import Line, credit, debit
from ledger.models import LedgerAccount, LedgerEntry, LedgerTransaction
from ledger.queries import lines_of
from ledger.services import reverse
from merchants.services import create_merchant
from tests.ledger.bookings import at_once, confirmation, fresh_reference, hold, merchant_balance, post
from tests.support.eventually import eventually

pytestmark = pytest.mark.usefixtures("books")


def test_a_sale_reads_like_a_bank_statement(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id))
    assert merchant_balance(merchant_id, "unconfirmed") == -10_000

    post(merchant_id, confirmation(merchant_id), kind="sale_confirmed")
    assert merchant_balance(merchant_id, "unconfirmed") == 0
    assert merchant_balance(merchant_id, "pending") == -9_680


def test_a_declined_sale_leaves_nothing(merchant_id: int) -> None:
    held = post(merchant_id, hold(merchant_id))
    reversal = reverse(held, reference=fresh_reference(), kind="sale_declined")
    assert merchant_balance(merchant_id, "unconfirmed") == 0
    assert reversal.reverses == held
    assert reversal.kind == "sale_declined"
    assert [line.amount_minor for line in lines_of(reversal)] == [-10_000, 10_000]


def test_a_transaction_keeps_both_clocks(merchant_id: int) -> None:
    happened = datetime(2026, 3, 1, 12, tzinfo=UTC)
    booked = post(merchant_id, hold(merchant_id), occurred_at=happened)
    assert booked.occurred_at == happened
    assert booked.booked_at > happened
    now = post(merchant_id, hold(merchant_id))
    assert now.occurred_at == now.booked_at


def test_what_post_returns_is_what_the_database_holds(merchant_id: int) -> None:
    posted = post(merchant_id, hold(merchant_id))
    stored = LedgerTransaction.objects.get(pk=posted.pk)
    for field in LedgerTransaction._meta.concrete_fields:
        assert getattr(posted, field.attname) == getattr(stored, field.attname)


def test_the_same_reference_books_once(merchant_id: int) -> None:
    reference = fresh_reference()
    first = post(merchant_id, hold(merchant_id), reference=reference)
    again = post(merchant_id, hold(merchant_id)[::-1], reference=reference)
    assert again == first
    assert merchant_balance(merchant_id, "unconfirmed") == -10_000


@pytest.mark.parametrize(
    "change",
    [{"kind": "payout"}, {"livemode": True}, {"amount": 9_999}, {"currency": "usd"}, {"doubled": True}],
    ids=str,
)
def test_the_same_reference_with_anything_else_is_refused(merchant_id: int, change: dict[str, Any]) -> None:
    reference = fresh_reference()
    post(merchant_id, hold(merchant_id), reference=reference)
    lines = hold(merchant_id, change.pop("amount", 10_000), change.pop("currency", "eur"))
    if change.pop("doubled", False):
        lines = lines * 2
    with pytest.raises(ReferenceReused):
        post(merchant_id, lines, reference=reference, **change)
    assert merchant_balance(merchant_id, "unconfirmed") == -10_000


def test_the_refusal_shows_both_postings(merchant_id: int) -> None:
    reference = fresh_reference()
    post(merchant_id, hold(merchant_id), reference=reference)
    with pytest.raises(ReferenceReused) as refusal:
        post(merchant_id, hold(merchant_id, 6_000), reference=reference)
    assert reference in refusal.value.message
    assert "100.00 EUR" in refusal.value.message
    assert "60.00 EUR" in refusal.value.message
    assert "EUR" not in str(refusal.value.body()), "addresses and amounts are for the log"


def test_a_reversal_is_not_taken_for_a_posting_of_the_same_lines(merchant_id: int) -> None:
    held = post(merchant_id, hold(merchant_id))
    reversal = reverse(held, reference=fresh_reference(), kind="reversal")
    with pytest.raises(ReferenceReused, match=f"reversing {held.pk}"):
        post(merchant_id, lines_of(reversal), reference=reversal.reference, kind="reversal")


def test_a_transaction_is_reversed_once(merchant_id: int) -> None:
    held = post(merchant_id, hold(merchant_id))
    reference = fresh_reference()
    assert reverse(held, reference=reference) == reverse(held, reference=reference)
    with pytest.raises(AlreadyReversed, match=reference):
        reverse(held, reference=fresh_reference())
    assert merchant_balance(merchant_id, "unconfirmed") == 0


def test_unbalanced_lines_write_nothing(merchant_id: int) -> None:
    reference = fresh_reference()
    with pytest.raises(Unbalanced):
        post(merchant_id, [debit("bank:main", "eur", 5)], reference=reference)
    assert not LedgerTransaction.objects.filter(reference=reference).exists()


def test_another_merchants_account_is_refused(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id))
    other = create_merchant("Another shop").merchant.pk
    with pytest.raises(AccountMismatch, match=f"belongs to merchant {merchant_id}"):
        post(other, hold(merchant_id))


def test_a_refused_repeat_does_not_break_the_callers_transaction(merchant_id: int) -> None:
    held = post(merchant_id, hold(merchant_id))
    reverse(held, reference=fresh_reference())
    with transaction.atomic():
        with pytest.raises(LedgerError):
            post(merchant_id, hold(merchant_id, 1), reference=held.reference)
        with pytest.raises(LedgerError):
            reverse(held, reference=fresh_reference())
        post(merchant_id, hold(merchant_id, 700))
    assert merchant_balance(merchant_id, "unconfirmed") == -700


def test_a_posting_lives_and_dies_with_the_callers_transaction(merchant_id: int) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        held = post(merchant_id, hold(merchant_id))
        reverse(held, reference=fresh_reference())
        raise ZeroDivisionError
    assert merchant_balance(merchant_id, "unconfirmed") == 0
    post(merchant_id, hold(merchant_id))
    assert merchant_balance(merchant_id, "unconfirmed") == -10_000


def test_a_merchant_that_does_not_exist_is_refused() -> None:
    with pytest.raises((IntegrityError, ForeignKeyViolation)):
        post(2**40, hold(2**40))


def test_twenty_threads_with_one_reference_book_once(merchant_id: int) -> None:
    reference = fresh_reference()
    results = at_once(20, lambda _: post(merchant_id, hold(merchant_id), reference=reference))
    assert {result.pk for result in results if isinstance(result, LedgerTransaction)} == {
        LedgerTransaction.objects.get(reference=reference).pk
    }
    assert not [result for result in results if isinstance(result, Exception)]
    assert merchant_balance(merchant_id, "unconfirmed") == -10_000


def test_threads_with_one_reference_and_other_lines_book_one_of_them(merchant_id: int) -> None:
    reference = fresh_reference()
    results = at_once(8, lambda i: post(merchant_id, hold(merchant_id, 100 + i), reference=reference))
    booked = [result for result in results if isinstance(result, LedgerTransaction)]
    assert len(booked) == 1
    assert sum(isinstance(result, ReferenceReused) for result in results) == 7
    assert LedgerEntry.objects.filter(transaction=booked[0]).count() == 2


def test_threads_that_reverse_one_transaction_reverse_it_once(merchant_id: int) -> None:
    held = post(merchant_id, hold(merchant_id))
    results = at_once(8, lambda _: reverse(held, reference=fresh_reference()))
    assert sum(isinstance(result, LedgerTransaction) for result in results) == 1
    assert sum(isinstance(result, AlreadyReversed) for result in results) == 7
    assert merchant_balance(merchant_id, "unconfirmed") == 0


def test_one_hot_account_loses_nothing(merchant_id: int) -> None:
    def ten(number: int) -> int:
        for i in range(10):
            post(merchant_id, hold(merchant_id, 1 + number * 10 + i))
        return number

    assert not [result for result in at_once(16, ten) if isinstance(result, Exception)]
    assert merchant_balance(merchant_id, "unconfirmed") == -sum(range(1, 161))


def test_postings_that_meet_the_same_new_accounts_in_other_orders_all_succeed(merchant_id: int) -> None:
    def both_ways(number: int) -> LedgerTransaction:
        lines = [debit(f"merchant:{merchant_id}:a{i}", "eur", 1) for i in range(20)]
        lines.append(credit("suspense", "eur", 20))
        return post(merchant_id, lines if number % 2 else lines[::-1])

    assert not [result for result in at_once(8, both_ways) if isinstance(result, Exception)]
    assert merchant_balance(merchant_id, "a0") == 8


FAILING = """
    CREATE SEQUENCE tries;
    CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF NEW.kind = 'contended' AND nextval('tries') <= %s THEN
            RAISE EXCEPTION 'try again' USING ERRCODE = 'serialization_failure';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER fail_at_first BEFORE INSERT ON ledger_transaction
        FOR EACH ROW EXECUTE FUNCTION fail_at_first();
"""


@pytest.fixture
def failures(books: Any) -> Iterator[Any]:
    """So many serialization failures before a posting gets through; called again, how many tries there were."""
    with books.superuser() as connection:

        def fail(times: int) -> None:
            connection.execute(FAILING.replace("%s", str(times)))

        yield fail
        connection.execute("DROP FUNCTION fail_at_first CASCADE")
        connection.execute("DROP SEQUENCE tries")


def test_a_serialization_failure_is_tried_again(failures: Any, merchant_id: int) -> None:
    failures(MAX_TRIES - 1)
    post(merchant_id, hold(merchant_id), kind="contended")
    assert merchant_balance(merchant_id, "unconfirmed") == -10_000


def test_tries_are_bounded_and_the_error_keeps_its_name(failures: Any, merchant_id: int, raw: Any) -> None:
    failures(1_000)
    with pytest.raises(OperationalError) as error:
        post(merchant_id, hold(merchant_id), kind="contended")
    assert isinstance(error.value.__cause__, SerializationFailure)
    assert raw.execute("SELECT last_value FROM tries").fetchone() == (MAX_TRIES,)
    assert merchant_balance(merchant_id, "unconfirmed") == 0


def test_a_deadlock_is_tried_again(merchant_id: int, raw: Any) -> None:
    places = [f"merchant:{merchant_id}:{name}" for name in ("available", "reserve")]
    for place in places:
        set_limit(place, "eur", livemode=False, merchant_id=merchant_id, max_balance_minor=10)
    ids = list(LedgerAccount.objects.filter(address__in=places).order_by("pk").values_list("pk", flat=True))
    lines = [*(debit(place, "eur", 1) for place in places), credit("bank:main", "eur", 2)]
    lock = "SELECT ledger_lock_account(%s)"
    raw.execute("SET deadlock_timeout = '1min'")
    with ThreadPoolExecutor(1) as thread:
        with raw.transaction():
            raw.execute(lock, [ids[1]])
            posting = thread.submit(_post_in_thread, merchant_id, lines)
            eventually(lambda: _waits(raw), what="the posting waits for the second account")
            # The other way round: PostgreSQL ends the posting, which has waited for longer, and it comes again.
            raw.execute(lock, [ids[0]])
        posting.result()
    assert merchant_balance(merchant_id, "available") == 1


def _post_in_thread(merchant_id: int, lines: list[Line]) -> None:
    post(merchant_id, lines)
    connection.close()


def _waits(raw: Any) -> bool:
    waiting = raw.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(waiting.fetchone()[0])
