"""Many postings in one statement are the same as one after the other."""

import pytest
from django.db import IntegrityError

from ledger.accounts import account_ids
from ledger.errors import LimitExceeded, ReferenceReused, Unbalanced
from ledger.limits import set_limit
from ledger.lines import Line, credit, debit
from ledger.models import LedgerTransaction
from ledger.post_many import Booking, _write, post_many
from tests.conftest import Books
from tests.ledger.bookings import at_once, fresh_reference, hold, merchant_balance, post


def booking(merchant_id: int, reference: str, amount_minor: int = 100) -> Booking:
    return Booking(reference, "sale_started", hold(merchant_id, amount_minor), False, merchant_id)


def test_each_is_booked_once_however_often_it_comes(merchant_id: int) -> None:
    many = [booking(merchant_id, fresh_reference(), amount) for amount in (100, 200, 300)]
    post(merchant_id, hold(merchant_id, 200), reference=many[1].reference)
    assert post_many(many) == 2
    assert post_many(many) == 0
    assert merchant_balance(merchant_id, "unconfirmed") == -600


def test_one_that_does_not_balance_leaves_nothing_of_the_others(merchant_id: int) -> None:
    good, bad = fresh_reference(), fresh_reference()
    lines = [Line("processor:sandbox:clearing", "eur", 1)]
    with pytest.raises(Unbalanced):
        post_many([booking(merchant_id, good), Booking(bad, "sale_started", lines, False)])
    assert not LedgerTransaction.objects.filter(reference__in=[good, bad]).exists()


def test_a_reference_of_another_booking_is_refused_with_all(merchant_id: int) -> None:
    taken, fresh = fresh_reference(), fresh_reference()
    post(merchant_id, hold(merchant_id, 100), reference=taken)
    with pytest.raises(ReferenceReused):
        post_many([booking(merchant_id, fresh), booking(merchant_id, taken, 101)])
    assert not LedgerTransaction.objects.filter(reference=fresh).exists()


def test_threads_that_book_the_same_book_it_once(merchant_id: int) -> None:
    many = [booking(merchant_id, fresh_reference()) for _ in range(20)]
    new = at_once(4, lambda number: post_many(many))
    assert sum(one for one in new if isinstance(one, int)) == 20
    assert merchant_balance(merchant_id, "unconfirmed") == -2_000


def test_a_reference_comes_once_in_one_call(merchant_id: int) -> None:
    one = booking(merchant_id, fresh_reference())
    with pytest.raises(ValueError, match="same reference"):
        post_many([one, one])
    assert not LedgerTransaction.objects.filter(reference=one.reference).exists()


def test_a_limit_holds_for_many_as_for_one(books: Books, merchant_id: int) -> None:
    place = f"merchant:{merchant_id}:available"
    set_limit(place, "eur", livemode=False, merchant_id=merchant_id, max_balance_minor=0)
    post(merchant_id, [credit(place, "eur", 100), debit("bank:main", "eur", 100)])

    def taking(amount_minor: int) -> Booking:
        lines = [debit(place, "eur", amount_minor), credit("bank:main", "eur", amount_minor)]
        return Booking(fresh_reference(), "payout_started", lines, False, merchant_id)

    free = booking(merchant_id, fresh_reference())
    with pytest.raises(LimitExceeded, match=r"may go up to 0\.00 EUR"):
        post_many([free, taking(60), taking(60)])
    assert not LedgerTransaction.objects.filter(reference=free.reference).exists()
    both = [free, taking(60), taking(40)]
    assert (post_many(both), post_many(both)) == (3, 0)
    taken = at_once(4, lambda number: post_many([taking(1)]))
    assert {type(one) for one in taken} == {LimitExceeded}
    assert merchant_balance(merchant_id, "available") == 0


def test_postgresql_refuses_many_beyond_a_limit_whoever_writes(books: Books, merchant_id: int) -> None:
    place = f"merchant:{merchant_id}:available"
    set_limit(place, "eur", livemode=False, merchant_id=merchant_id, max_balance_minor=0)
    lines = [debit(place, "eur", 1), credit("bank:main", "eur", 1)]
    many = [Booking(fresh_reference(), "payout_started", lines, False, merchant_id) for _ in range(2)]
    accounts = account_ids([(place, "eur", False, merchant_id), ("bank:main", "eur", False, None)])
    with pytest.raises(IntegrityError, match="its limit is 0"):
        _write(many, accounts)
