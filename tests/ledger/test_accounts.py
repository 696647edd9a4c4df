import threading
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger import accounts
from ledger.accounts import account_ids
from ledger.errors import AccountMismatch
from ledger.models import LedgerAccount
from merchants.services import create_merchant
from tests.ledger.bookings import at_once

pytestmark = pytest.mark.usefixtures("books")


def wanted(merchant_id: int) -> list[accounts.Wanted]:
    return [
        (f"merchant:{merchant_id}:pending", "eur", False, merchant_id),
        ("fees:earned", "eur", False, None),
    ]


def test_accounts_are_made_where_missing_and_found_again(merchant_id: int) -> None:
    first = account_ids(wanted(merchant_id))
    accounts._remembered.clear()
    assert account_ids(wanted(merchant_id)) == first
    made = LedgerAccount.objects.get(pk=first[f"merchant:{merchant_id}:pending", "eur", False])
    assert (made.merchant_id, made.currency, made.livemode) == (merchant_id, "eur", False)


def test_currency_and_mode_make_an_account_of_their_own(merchant_id: int) -> None:
    address = f"merchant:{merchant_id}:pending"
    ids = account_ids(
        (address, currency, livemode, merchant_id)
        for currency in ("eur", "usd")
        for livemode in (True, False)
    )
    assert len(set(ids.values())) == 4


def test_accounts_once_met_cost_no_round_trip(merchant_id: int) -> None:
    account_ids(wanted(merchant_id))
    connection.close()
    account_ids(wanted(merchant_id))
    assert connection.connection is None

    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        account_ids(wanted(merchant_id))
    assert len(queries) == 0


def test_outside_a_transaction_the_connection_goes_back_to_the_pool(merchant_id: int) -> None:
    connection.close()
    account_ids(wanted(merchant_id))
    assert connection.connection is None


def test_an_account_that_was_rolled_back_is_forgotten(merchant_id: int) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        lost = account_ids(wanted(merchant_id))
        assert account_ids(wanted(merchant_id)) == lost, "found by the transaction that made it"
        raise ZeroDivisionError
    made = account_ids(wanted(merchant_id))
    assert LedgerAccount.objects.filter(pk__in=made.values()).count() == 2


def test_an_account_of_a_committed_transaction_is_remembered(merchant_id: int) -> None:
    with transaction.atomic():
        account_ids(wanted(merchant_id))
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        account_ids(wanted(merchant_id))
    assert len(queries) == 0


def test_a_thread_that_holds_a_connection_needs_no_second_one(merchant_id: int) -> None:
    options: Any = settings.DATABASES["default"]["OPTIONS"]
    size = options["pool"]["max_size"]
    all_hold_one = threading.Barrier(size, timeout=5)

    def work(number: int) -> int:
        connection.ensure_connection()
        all_hold_one.wait()
        return len(account_ids([(f"merchant:{merchant_id}:b{number}", "eur", False, merchant_id)]))

    connection.close()
    assert at_once(size, work) == [1] * size


@pytest.mark.parametrize("forget", [True, False], ids=["found", "remembered"])
def test_another_merchants_account_is_refused(merchant_id: int, forget: bool) -> None:
    account_ids(wanted(merchant_id))
    other = create_merchant("Another shop").merchant.pk
    if forget:
        accounts._remembered.clear()
    with pytest.raises(AccountMismatch):
        account_ids([(f"merchant:{merchant_id}:pending", "eur", False, other)])


def test_threads_that_make_one_account_make_it_once(merchant_id: int) -> None:
    accounts._remembered.clear()
    results = at_once(16, lambda _: tuple(account_ids(wanted(merchant_id)).values()))
    assert len(set(results)) == 1


def test_memory_is_bounded(merchant_id: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(accounts, "MAX_REMEMBERED", 10)
    for i in range(30):
        account_ids([(f"merchant:{merchant_id}:a{i}", "eur", False, merchant_id)])
    assert len(accounts._remembered[connection.settings_dict["NAME"]]) <= 10
