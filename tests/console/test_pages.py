"""The console's lists and pages: shut without a login, read-only, found by search, and read in a fixed number
of queries."""

import re
from collections import Counter
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.admin import site as admin_site
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from merchants.services import NewMerchant
from payments.models import BalanceTransaction, Charge, Operation, PaymentIntent, Refund
from tests.console.conftest import Staff
from tests.console.world import World
from tests.support.bank import Bank
from tests.support.client import Client

# What differs between the rows of one question.
LITERAL = re.compile(r"'[^']*'|\b\d+\b")
MOST_QUERIES = 12
# Written by people, row by row: Django may count them.
SMALL = {"auth/user", "auth/group", "controls/threshold", "receipts/receiptsetting"}
LISTS: dict[str, Any] = {
    "payments/charge": Charge,
    "payments/refund": Refund,
    "payments/paymentintent": PaymentIntent,
    "payments/operation": Operation,
    "payments/balancetransaction": BalanceTransaction,
}
OTHER_LISTS = [
    *("merchants/merchant", "ledger/ledgeraccount", "ledger/ledgertransaction", "ledger/ledgerentry"),
    *("webhooks/event", "webhooks/delivery", "webhooks/webhookendpoint", "auth/user", "auth/group"),
    *("payments/routingrule", "payments/processorhealth", "controls/alert"),
]


def sell(api: Client, number: int) -> list[str]:
    charges = [api.charge(amount=1_000 + i, description="A tent").json()["id"] for i in range(number)]
    api.post("/v1/refunds", {"charge": charges[0], "amount": 100})
    return charges


def queries(browser: Browser, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        page = browser.get(path)
    assert page.status_code == 200, path
    return len(captured)


@pytest.mark.parametrize("path", ["", *(f"{name}/" for name in [*LISTS, *OTHER_LISTS])])
def test_nothing_is_shown_without_a_login(looking: World, path: str) -> None:
    answer = Browser().get(f"/admin/{path}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_the_login_page_says_whose_it_is(looking: World) -> None:
    page = Browser().get("/admin/login/").content.decode()
    assert "Tollgate" in page and "console/console.css" in page


@pytest.mark.parametrize("name", [*LISTS, "merchants/merchant"])
def test_a_list_needs_its_permission(staff: Staff, name: str) -> None:
    assert staff().get(f"/admin/{name}/").status_code == 403
    model = name.partition("/")[2]
    assert staff(f"view_{model}").get(f"/admin/{name}/").status_code == 200


@pytest.mark.parametrize("name", OTHER_LISTS)
def test_every_list_opens(admin: Browser, name: str) -> None:
    assert admin.get(f"/admin/{name}/").status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_money_is_read_only_even_for_a_superuser(admin: Browser, api: Client, name: str) -> None:
    sell(api, 1)
    row = LISTS[name].objects.latest("pk")
    for path in (f"/admin/{name}/add/", f"/admin/{name}/{row.pk}/delete/"):
        assert admin.post(path).status_code == 403
    page = admin.get(f"/admin/{name}/{row.pk}/change/").content.decode()
    assert row.public_id in page
    for control in ('name="_save"', "/delete/", "/add/"):
        assert control not in page
    state = getattr(row, "state", None)
    admin.post(f"/admin/{name}/{row.pk}/change/", {"state": "failed", "amount_minor": "1"})
    row = LISTS[name].objects.get(pk=row.pk)
    assert getattr(row, "state", None) == state


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    admin: Browser, api: Client, shop: NewMerchant, name: str
) -> None:
    path = f"/admin/{name}/?merchant={shop.merchant.pk}"
    sell(api, 1)
    queries(admin, path)
    few = queries(admin, path)
    sell(api, 6)
    for charge in Charge.objects.filter(merchant=shop.merchant)[:3]:
        api.post("/v1/refunds", {"charge": charge.public_id, "amount": 10})
    assert queries(admin, path) == few
    # One of them is for the second factor that the person came in with.
    assert few <= 7


def test_no_list_counts_its_table(admin: Browser, api: Client) -> None:
    sell(api, 1)
    for name in LISTS:
        with CaptureQueriesContext(connection) as captured:
            admin.get(f"/admin/{name}/")
        assert not [query["sql"] for query in captured if "COUNT(*)" in query["sql"].upper()]


def test_home_takes_as_many_queries_on_a_busy_day_as_on_a_quiet_one(admin: Browser, api: Client) -> None:
    sell(api, 1)
    queries(admin, "/admin/")
    few = queries(admin, "/admin/")
    sell(api, 6)
    assert queries(admin, "/admin/") == few
    assert few <= 19


def test_a_charges_page_takes_as_many_queries_for_a_long_story_as_for_a_short_one(
    admin: Browser, api: Client
) -> None:
    charge = Charge.objects.get(public_id=sell(api, 1)[0])
    path = f"/admin/payments/charge/{charge.pk}/change/"
    queries(admin, path)
    few = queries(admin, path)
    for _ in range(4):
        api.post("/v1/refunds", {"charge": charge.public_id, "amount": 10})
    assert queries(admin, path) == few
    # One of them is for the rules that its payment was judged by.
    assert few <= 22


def test_a_charges_page_tells_its_whole_story(admin: Browser, api: Client) -> None:
    charge = Charge.objects.get(public_id=sell(api, 1)[0])
    page = admin.get(f"/admin/payments/charge/{charge.pk}/change/").content.decode()
    operation = charge.operations.earliest("pk")
    for text in (
        *("10.00 USD", "Partially refunded", "TEST", "Visa •••• 4242", "A tent"),
        *("Charge captured", "API key sk_test_", operation.request_id, operation.public_id),
        *("fees:earned", "processor:sandbox:clearing", f"{operation.public_id}:finish", "Refund confirmed"),
        *("charge.succeeded", "charge.refunded", "authorization_code"),
    ):
        assert text in page, text


def test_charges_are_found_by_any_id_and_by_the_cards_last_digits(
    admin: Browser, api: Client, shop: NewMerchant
) -> None:
    charges = sell(api, 2)
    charge = Charge.objects.get(public_id=charges[0])
    refund = charge.refunds.get()
    operation = charge.operations.earliest("pk")
    ids = [charge.public_id, charge.payment_intent.public_id, refund.public_id, operation.public_id]
    for term in ids:
        found = admin.get("/admin/payments/charge/", {"q": term}).context["cl"].result_list
        assert [row.pk for row in found] == [charge.pk], term
    own = {"merchant": str(shop.merchant.pk)}
    for term, number in (("4242", 2), ("a tent", 2), ("9999", 0), ("ch_no", 0)):
        found = admin.get("/admin/payments/charge/", {**own, "q": term}).context["cl"].result_list
        assert len(found) == number, term


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 3),
        ("state__exact=failed", 1),
        ("state__exact=captured&livemode__exact=0", 2),
        ("livemode__exact=1", 0),
        ("currency=usd", 3),
        ("currency=eur", 0),
        ("from=2020-01-01&to=2020-12-31", 0),
        ("from=2020-01-01", 3),
    ],
)
def test_charges_are_filtered(
    admin: Browser, api: Client, shop: NewMerchant, query: str, number: int
) -> None:
    sell(api, 2)
    api.charge(source="tok_chargeDeclined")
    page = admin.get(f"/admin/payments/charge/?merchant={shop.merchant.pk}&{query}")
    assert len(page.context["cl"].result_list) == number


@pytest.mark.parametrize("query", ["from=yesterday", "to=9999-12-31"])
def test_a_day_that_is_none_is_answered_with_the_whole_list(admin: Browser, query: str) -> None:
    assert admin.get(f"/admin/payments/charge/?{query}").status_code == 302


def test_a_filter_that_no_row_can_meet_shows_no_row(admin: Browser) -> None:
    page = admin.get(f"/admin/payments/charge/?merchant={10**30}")
    assert page.status_code == 200
    assert not page.context["cl"].result_list


def test_the_side_bar_marks_one_place(admin: Browser) -> None:
    for path, title in (
        ("", "Home"),
        ("payments/charge/", "Charges"),
        ("ledger/ledgeraccount/", "Accounts"),
        ("ledger/ledgeraccount/trial-balance/", "Trial balance"),
    ):
        groups = admin.get(f"/admin/{path}").context["sidebar_navigation"]
        assert [item["title"] for group in groups for item in group["items"] if item["active"]] == [title]


def test_money_in_doubt_is_on_the_home_page_and_in_its_list(
    admin: Browser, api: Client, shop: NewMerchant, world: World
) -> None:
    bank = Bank(world.bank_url)
    bank.fault("no_answer", times=1)
    try:
        charge = api.charge(amount=77_700).json()["id"]
    finally:
        bank.clear_faults()
    home: Any = admin.get("/admin/")
    assert charge in home.content.decode()
    assert [tile.alarm for tile in home.context["tiles"] if tile.title == "Money in doubt"] == [True]
    assert "processor:sandbox:unconfirmed" in home.content.decode()
    listed = admin.get(f"/admin/payments/operation/?outcome=open&merchant={shop.merchant.pk}")
    assert "777.00 USD" in listed.content.decode()


def test_home_shows_only_what_a_person_may_see(staff: Staff) -> None:
    for permissions, tiles, sections in (
        ((), [], []),
        (("view_charge",), [], ["today", "latest"]),
        (("view_operation",), ["Money in doubt"], []),
        (("view_delivery",), ["Failing endpoints"], ["failing"]),
        (("view_break",), ["Breaks"], []),
    ):
        page: Any = staff(*permissions).get("/admin/")
        assert page.status_code == 200
        assert [tile.title for tile in page.context["tiles"]] == tiles
        # Whether something is late depends on what else these tests left.
        names = [one["name"] for one in page.context["sections"] if one["name"] != "late"]
        assert names == sections


def test_home_says_which_mode_it_shows(admin: Browser) -> None:
    for query, badge in (("", "tg-test"), ("?mode=live", "tg-live")):
        assert f'<span class="tg-badge {badge}">' in admin.get(f"/admin/{query}").content.decode()


def test_times_are_shown_in_the_zone_of_whoever_looks(admin: Browser, api: Client) -> None:
    charge = Charge.objects.get(public_id=api.charge().json()["id"])
    path = f"/admin/payments/charge/{charge.pk}/change/"
    for zone, name, hours in (("", "UTC", 0), ("Asia/Tokyo", "JST", 9), ("Not/A zone", "UTC", 0)):
        admin.cookies["tg_zone"] = quote(zone, safe="")
        shown = charge.created_at.astimezone(UTC) + timedelta(hours=hours)
        assert f"{shown:%d %b %Y %H:%M:%S}&nbsp;<small>{name}</small>" in admin.get(path).content.decode()
        filters = admin.get("/admin/payments/charge/").content.decode()
        assert f"day ({name})" in filters
    del admin.cookies["tg_zone"]


def test_no_list_of_the_console_asks_for_each_row_or_counts_what_grows(admin: Browser, api: Client) -> None:
    sell(api, 4)
    wrong = []
    for model in admin_site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        admin.get(f"/admin/{name}/")
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(f"/admin/{name}/").status_code == 200, name
        asked = [query["sql"] for query in captured]
        counts = [sql for sql in asked if "COUNT(*)" in sql.upper()]
        shape, times = Counter(LITERAL.sub("?", sql) for sql in asked if sql not in counts).most_common(1)[0]
        if times > 1 or len(asked) > MOST_QUERIES:
            wrong.append(f"{name}: {len(asked)} queries, {times} times {shape[:200]}")
        if counts and name not in SMALL:
            wrong.append(f"{name} counts: {counts[0][:200]}")
    assert not wrong, "\n".join(wrong)
