from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from core.ids import new_id
from ledger import admin
from ledger.models import LedgerAccount, LedgerSeal, LedgerTransaction
from ledger.seals import seal_all
from tests.ledger.bookings import hold, post

pytestmark = pytest.mark.usefixtures("books")

LISTS = ["ledgeraccount", "ledgertransaction", "ledgerentry"]
TRIAL_BALANCE = "/admin/ledger/ledgeraccount/trial-balance/"


@pytest.fixture
def console(books: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(new_id("user")))
    return client


@pytest.fixture
def booked(merchant_id: int) -> Iterator[LedgerTransaction]:
    yield post(merchant_id, hold(merchant_id, 1_234_567))


def row_url(table: str, booked: LedgerTransaction) -> str:
    entry = booked.entries.first()
    assert entry is not None
    pk = {"ledgeraccount": entry.account_id, "ledgertransaction": booked.pk, "ledgerentry": entry.pk}[table]
    return f"/admin/ledger/{table}/{pk}/change/"


@pytest.mark.parametrize("table", LISTS)
def test_the_books_are_listed_and_shown(console: Client, booked: LedgerTransaction, table: str) -> None:
    assert console.get(f"/admin/ledger/{table}/").status_code == 200
    assert console.get(row_url(table, booked)).status_code == 200


@pytest.mark.parametrize("table", LISTS)
def test_nobody_changes_the_books_in_the_console(
    console: Client, booked: LedgerTransaction, table: str
) -> None:
    url = row_url(table, booked)
    assert console.get(f"/admin/ledger/{table}/add/").status_code == 403
    assert console.post(f"/admin/ledger/{table}/add/").status_code == 403
    assert console.post(url, {"kind": "forged"}).status_code == 403
    assert console.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 403


def test_a_transaction_is_shown_with_its_entries(console: Client, booked: LedgerTransaction) -> None:
    page = console.get(row_url("ledgertransaction", booked)).content.decode()
    assert booked.reference in page
    assert "processor:sandbox:unconfirmed" in page
    assert page.count("12,345.67 EUR") == 2


def test_a_transaction_is_found_by_its_reference(console: Client, booked: LedgerTransaction) -> None:
    page = console.get("/admin/ledger/ledgertransaction/", {"q": booked.reference}).content.decode()
    assert row_url("ledgertransaction", booked) in page
    page = console.get("/admin/ledger/ledgertransaction/", {"q": booked.reference[:-1]}).content.decode()
    assert row_url("ledgertransaction", booked) not in page


def test_an_account_is_shown_with_its_balance(console: Client, booked: LedgerTransaction) -> None:
    theirs = LedgerAccount.objects.get(address=f"merchant:{booked.merchant_id}:unconfirmed")
    page = console.get(f"/admin/ledger/ledgeraccount/{theirs.pk}/change/").content.decode()
    assert "-12,345.67 EUR" in page


def test_an_account_has_a_statement_of_any_day(console: Client, booked: LedgerTransaction) -> None:
    theirs = LedgerAccount.objects.get(address=f"merchant:{booked.merchant_id}:unconfirmed")
    address = f"/admin/ledger/ledgeraccount/{theirs.pk}/"
    assert f"{address}statement" in console.get(f"{address}change/").content.decode()
    statement = f"{address}statement/"
    page = console.get(statement).content.decode()
    assert booked.reference in page
    assert "-12,345.67 EUR" in page
    assert booked.reference in console.get(statement, {"day": "9999-12-31"}).content.decode()
    assert "Nothing was booked" in console.get(statement, {"day": "2020-01-01"}).content.decode()
    assert console.get(statement, {"day": "yesterday"}).status_code == 400
    assert console.get("/admin/ledger/ledgeraccount/0/statement/").status_code == 404


def test_the_list_of_accounts_leads_to_the_trial_balance(console: Client, booked: LedgerTransaction) -> None:
    assert TRIAL_BALANCE in console.get("/admin/ledger/ledgeraccount/").content.decode()
    page = console.get(TRIAL_BALANCE).content.decode()
    assert f"merchant:{booked.merchant_id}:unconfirmed" in page
    assert "Balanced" in page
    live = console.get(TRIAL_BALANCE, {"mode": "live"}).content.decode()
    assert f"merchant:{booked.merchant_id}:unconfirmed" not in live
    assert "Nothing has been booked in live mode yet" in live


def test_the_trial_balance_is_there_for_any_day(console: Client, booked: LedgerTransaction) -> None:
    address = f"merchant:{booked.merchant_id}:unconfirmed"
    assert address in console.get(TRIAL_BALANCE, {"day": "9999-12-31"}).content.decode()
    past = console.get(TRIAL_BALANCE, {"day": "2020-01-01"}).content.decode()
    assert "Nothing has been booked in test mode until then" in past
    assert console.get(TRIAL_BALANCE, {"day": "soon"}).status_code == 400


def test_seals_are_listed(console: Client, booked: LedgerTransaction) -> None:
    seal_all()
    last = LedgerSeal.objects.latest("number")
    page = console.get("/admin/ledger/ledgerseal/").content.decode()
    assert bytes(last.hash).hex() in page
    assert console.get(f"/admin/ledger/ledgerseal/{last.number}/change/").status_code == 200


def test_a_long_trial_balance_says_that_it_is_cut_and_sums_all(
    console: Client, booked: LedgerTransaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "MAX_ACCOUNTS_SHOWN", 1)
    page = console.get(TRIAL_BALANCE).content.decode()
    assert "The first 1 accounts are listed" in page
    assert page.count('<td class="tg-mono">') == 1
    assert "Balanced" in page


def test_the_trial_balance_needs_the_permission_to_view_accounts(booked: LedgerTransaction) -> None:
    client = Client()
    assert client.get(TRIAL_BALANCE).status_code == 302
    clerk = User.objects.create_user(new_id("user"), is_staff=True)
    client.force_login(clerk)
    assert client.get(TRIAL_BALANCE).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_ledgeraccount"))
    assert client.get(TRIAL_BALANCE).status_code == 200
