"""One box finds whatever a person knows of a payment, in a fixed number of queries, each from an index."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from core.finding import Term, finders
from merchants.services import NewMerchant
from payments.models import Charge, Operation
from tests.console.conftest import Staff
from tests.support.client import Client
from webhooks.models import Event


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12.50", {(1_250, "eur"), (12_500, "kwd")}),
        ("1980", {(198_000, "usd"), (1_980, "jpy"), (1_980_000, "bhd")}),
        ("1980 jpy", {(1_980, "jpy")}),
        ("USD 1,250.5", {(125_050, "usd")}),
        ("12.505", {(12_505, "kwd")}),
        ("12.5 jpy", set()),
        ("12 xyz", set()),
        ("usd 12 eur", set()),
        ("9" * 15, {(int("9" * 15 + "00"), "usd"), (int("9" * 15), "jpy")}),
        ("a tent", set()),
    ],
)
def test_an_amount_is_read_in_every_format_that_it_may_have(text: str, found: set[tuple[int, str]]) -> None:
    read = {(one.minor, currency) for one in Term(text).amounts for currency in one.currencies}
    assert found <= read
    assert bool(read) == bool(found)


def groups(browser: Browser, term: str) -> dict[str, list[str]]:
    page: Any = browser.get("/admin/find/", {"q": term})
    assert page.status_code == 200, term
    return {title: [one.title for one in rows] for title, rows in page.context["groups"]}


def test_everything_a_person_may_know_leads_to_the_payment(
    admin: Browser, api: Client, shop: NewMerchant
) -> None:
    order = f"order-{shop.merchant.pk}"
    made = api.charge(
        amount=123_456, receipt_email=f"Ann.{shop.merchant.pk}@Example.com", order_reference=order
    ).json()["id"]
    refund = api.post("/v1/refunds", {"charge": made, "amount": 7_891}).json()["id"]
    charge = Charge.objects.get(public_id=made)
    Charge.objects.filter(pk=charge.pk).update(
        billing_details={"email": f"Bill.{shop.merchant.pk}@example.com"}
    )
    for term in (
        *("1,234.56", "1234.56 usd", charge.card_last4, charge.card_fingerprint),
        *(f"ann.{shop.merchant.pk}@example.com", f"BILL.{shop.merchant.pk}@example.com"),
    ):
        assert made in groups(admin, term)["Payments"], term
    assert groups(admin, order)["Payment intents"] == [charge.payment_intent.public_id]
    assert refund in groups(admin, "78.91")["Refunds"]
    assert groups(admin, shop.merchant.name.lower()) == {"Merchants": [shop.merchant.name]}
    for nothing in ("no such thing", "ch_nothing", "0.01 kwd", "nobody@example.com", "%", "\x00", "x" * 400):
        assert groups(admin, nothing) == {}, nothing
    assert "What do you know of it?" in admin.get("/admin/find/").content.decode()


def test_an_id_leads_straight_to_what_it_names(admin: Browser, api: Client, shop: NewMerchant) -> None:
    charge = Charge.objects.get(public_id=api.charge().json()["id"])
    operation = Operation.objects.get(charge=charge)
    event = Event.objects.filter(object_id=charge.public_id).latest("pk")
    places = {
        charge.public_id: f"/admin/payments/charge/{charge.pk}/change/",
        charge.payment_intent.public_id: f"/admin/payments/paymentintent/{charge.payment_intent_id}/change/",
        operation.public_id: f"/admin/payments/operation/{operation.pk}/change/",
        event.public_id: f"/admin/webhooks/event/{event.pk}/change/",
        shop.merchant.public_id: f"/admin/merchants/merchant/{shop.merchant.pk}/change/",
    }
    for public_id, place in places.items():
        answer = admin.get("/admin/find/", {"q": f" {public_id} "})
        assert (answer.status_code, answer["Location"]) == (302, place)


def test_nobody_finds_what_they_may_not_look_at(staff: Staff, api: Client) -> None:
    charge = api.charge().json()["id"]
    assert groups(staff(), charge) == {}
    assert groups(staff("view_refund"), charge) == {}
    assert staff("view_charge").get("/admin/find/", {"q": charge}).status_code == 302


@pytest.mark.parametrize("term", ["4242", "12.50", "ann@example.com", "ch_1", "word"])
def test_finding_takes_a_handful_of_queries(admin: Browser, api: Client, term: str) -> None:
    api.charge(amount=1_250)
    with CaptureQueriesContext(connection) as captured:
        admin.get("/admin/find/", {"q": term})
    assert len(captured) <= len(finders()) + 7
