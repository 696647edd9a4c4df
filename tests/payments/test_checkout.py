"""Checkout sessions: their shape on the wire, what they refuse by name, and the page that a cardholder pays at."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import psycopg
import pytest
from django.db import connection
from django.test import Client as Http
from django.utils import timezone

from merchants.services import NewMerchant
from payments.models import Charge, CheckoutSession, PaymentIntent
from payments.services.checkout import MOST_ATTEMPTS, expire_overdue
from processors.protocol import ActionRequired, Approved, Declined, Unknown
from tests.conftest import Books
from tests.payments.test_intents_api import Api
from tests.support.scripted import ScriptedBank
from webhooks.models import Event

ITEM = (
    "line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=1250"
    "&line_items[0][price_data][product_data][name]=Tent&line_items[0][quantity]=2"
)
BASE = f"mode=payment&{ITEM}"
URLS = "success_url=https://shop.example/paid?id={CHECKOUT_SESSION_ID}&cancel_url=https://shop.example/cart"


@pytest.fixture
def api(shop: NewMerchant, bank: ScriptedBank) -> Api:
    return Api(shop.keys["sk_test"])


def made(api: Api, body: str = f"{BASE}&{URLS}") -> dict[str, Any]:
    status, shown = api.post("checkout/sessions", body)
    assert status == 200, shown
    return dict(shown)


def page(session: dict[str, Any], language: str = "en") -> Any:
    return Http().get(f"/checkout/{session['id']}", headers={"Accept-Language": language})


def pay(session: dict[str, Any], method: str = "pm_card_visa", **fields: str) -> Any:
    return Http().post(f"/checkout/{session['id']}/pay", {"payment_method": method, **fields})


def charges(session: dict[str, Any]) -> list[str]:
    found = Charge.objects.filter(payment_intent__public_id=session["payment_intent"]).order_by("pk")
    return [charge.state for charge in found]


def expire(books: Books, session: dict[str, Any]) -> None:
    """Its time is over, as if it had been made a day ago."""
    with books.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "UPDATE payments_checkoutsession SET expires_at = now() - interval '1 second' WHERE public_id = %s",
            [session["id"]],
        )


def test_a_session_has_stripes_shape_and_an_intent_of_its_own(api: Api) -> None:
    asked = f"{BASE}&{URLS}&customer_email=a@shop.example&client_reference_id=cart-7&metadata[a]=1&locale=de"
    session = made(api, f"{asked}&payment_intent_data[metadata][b]=2&payment_intent_data[description]=Tents")
    expected = {
        "object": "checkout.session",
        "mode": "payment",
        "status": "open",
        "payment_status": "unpaid",
        "amount_total": 2_500,
        "currency": "eur",
        "client_reference_id": "cart-7",
        "metadata": {"a": "1"},
        "locale": "de",
        "livemode": False,
        "url": f"http://127.0.0.1:8000/checkout/{session['id']}",
        "success_url": "https://shop.example/paid?id={CHECKOUT_SESSION_ID}",
    }
    assert {name: session[name] for name in expected} == expected
    (item,) = session["line_items"]["data"]
    assert (item["description"], item["quantity"], item["amount_total"]) == ("Tent", 2, 2_500)
    intent = api.get(f"payment_intents/{session['payment_intent']}")[1]
    assert (intent["amount"], intent["description"], intent["metadata"]) == (2_500, "Tents", {"b": "2"})
    assert (intent["status"], intent["receipt_email"]) == ("requires_payment_method", "a@shop.example")
    assert api.get(f"checkout/sessions/{session['id']}") == (200, session)
    expanded = api.get(f"checkout/sessions/{session['id']}?expand[]=payment_intent&expand[]=line_items")[1]
    assert expanded["payment_intent"]["id"] == intent["id"]
    listed = api.get(f"checkout/sessions?payment_intent={intent['id']}&status=open")[1]
    assert listed["data"] == [session]
    again = api.post("checkout/sessions", BASE, key="one")
    assert api.post("checkout/sessions", BASE, key="one") == again


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (ITEM, "parameter_missing", "mode"),
        (f"mode=subscription&{ITEM}", None, "mode"),
        ("mode=payment", "parameter_missing", "line_items"),
        ("mode=payment&line_items[0][price]=price_1", "parameter_unknown", "line_items[0][price]"),
        (f"{BASE}&line_items[0][adjustable_quantity][enabled]=true", "parameter_unknown", ANY),
        (f"{BASE}&allow_promotion_codes=true", "parameter_unknown", "allow_promotion_codes"),
        (f"{BASE}&customer=cus_1", "parameter_unknown", "customer"),
        (
            f"{BASE}&payment_intent_data[setup_future_usage]=off_session",
            "parameter_unknown",
            "payment_intent_data[setup_future_usage]",
        ),
        (BASE.replace("=1250", "=-5"), "parameter_invalid_integer", "line_items[0][price_data][unit_amount]"),
        (BASE.replace("=1250", "=1.5"), "parameter_invalid_integer", ANY),
        (BASE.replace("quantity]=2", "quantity]=0"), "parameter_invalid_integer", "line_items[0][quantity]"),
        (BASE.replace("=1250", "=10"), "amount_too_small", "amount"),
        (f"{BASE}&{ITEM.replace('[0]', '[1]').replace('=eur', '=usd')}", None, "line_items"),
        (f"{BASE}&success_url=javascript:alert(1)", "url_invalid", "success_url"),
        (f"{BASE}&cancel_url=shop", "url_invalid", "cancel_url"),
        (f"{BASE}&customer_email=nobody", "email_invalid", "customer_email"),
        (f"{BASE}&locale=fr", None, "locale"),
        (f"{BASE}&expires_at=100", None, "expires_at"),
        (f"{BASE}&ui_mode=elements", None, "ui_mode"),
        (f"{BASE}&payment_method_types[]=sepa_debit", None, ANY),
    ],
)
def test_what_a_session_can_not_be_is_refused_by_name(
    api: Api, body: str, code: str | None, param: Any
) -> None:
    before = PaymentIntent.objects.count()
    assert api.refused("checkout/sessions", body) == (400, code, param)
    assert PaymentIntent.objects.count() == before


def test_the_page_shows_what_is_sold_and_lets_nothing_else_in(api: Api) -> None:
    session = made(api)
    shown = page(session)
    text = shown.content.decode()
    assert shown.status_code == 200
    for part in ("€25.00", "A shop", "Tent", "Test mode", "ticket_acct_", "sha384-", "Back to A shop"):
        assert part in text, part
    policy = shown["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert (shown["X-Frame-Options"], shown["Referrer-Policy"]) == ("DENY", "no-referrer")
    assert "no-store" in shown["Cache-Control"] and not shown.cookies
    assert 'style="' not in text and "<script>" not in text
    german = page(session, "de-AT,de;q=0.9,en;q=0.1").content.decode()
    assert "25,00\xa0€" in german and "Testmodus" in german and '<html lang="de">' in german
    assert "<html" in page(session, "xx").content.decode()
    assert page({"id": "cs_nobody"}).status_code == 404
    named = made(api, BASE.replace("=Tent", "=<script>alert(1)</script>"))
    assert "<script>alert" not in page(named).content.decode()


def test_a_payment_completes_the_session_once_however_often_it_is_sent(api: Api, bank: ScriptedBank) -> None:
    session = made(api)
    here = f"http://127.0.0.1:8000/checkout/{session['id']}"
    first, again = pay(session), pay(session)
    assert first.json() == again.json() == {"go": here}
    assert pay(session, "pm_card_mastercard").json() == {"go": here}
    assert charges(session) == ["captured"]
    assert page(session)["Location"] == f"https://shop.example/paid?id={session['id']}"
    shown = api.get(f"checkout/sessions/{session['id']}")[1]
    assert (shown["status"], shown["payment_status"], shown["url"]) == ("complete", "paid", None)
    told = Event.objects.filter(object_id=session["id"])
    assert [event.type for event in told] == ["checkout.session.completed"]
    assert api.refused(f"checkout/sessions/{session['id']}/expire") == (400, None, "session")


def test_two_cards_at_once_pay_once(api: Api, bank: ScriptedBank) -> None:
    session = made(api)

    def click(method: str) -> int:
        try:
            return int(pay(session, method).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        methods = ["pm_card_visa", "pm_card_mastercard", "pm_card_visa", "pm_card_amex"]
        assert set(pool.map(click, methods)) == {200}
    assert charges(session) == ["captured"]


def test_a_declined_card_is_told_in_the_cardholders_language_and_another_pays(
    api: Api, bank: ScriptedBank
) -> None:
    session = made(api, f"{BASE}&locale=de")
    bank.script.append(Declined("insufficient_funds"))
    declined = pay(session, "pm_card_chargeDeclined")
    assert declined.status_code == 402 and "nicht gedeckt" in declined.json()["error"]
    assert "nicht gedeckt" in page(session).content.decode()
    assert pay(session, email="ada@shop.example").status_code == 200
    assert charges(session) == ["failed", "captured"]
    assert "Vielen Dank" in page(session).content.decode()
    intent = PaymentIntent.objects.get(public_id=session["payment_intent"])
    assert intent.receipt_email == "ada@shop.example"


def test_a_challenge_leads_to_the_bank_and_an_unknown_outcome_waits(api: Api, bank: ScriptedBank) -> None:
    session = made(api)
    bank.script.append(ActionRequired("auth_1", "http://bank.example/challenge"))
    assert pay(session).json() == {"go": "http://bank.example/challenge"}
    assert 'href="http://bank.example/challenge"' in page(session).content.decode()
    waiting = made(api)
    bank.script.append(Unknown("timed out"))
    assert pay(waiting).json() == {"go": waiting["url"]}
    shown = page(waiting).content.decode()
    assert "Please do not pay again" in shown and 'http-equiv="refresh"' in shown
    assert "Please do not pay again" in page(waiting).content.decode()


def test_whoever_tries_many_cards_is_stopped(api: Api, bank: ScriptedBank) -> None:
    session = made(api)
    for number in range(MOST_ATTEMPTS):
        bank.script.append(Declined("generic_decline"))
        assert pay(session, f"pm_card_{number}").status_code == 402
    assert pay(session, "pm_card_visa").json() == {"go": session["url"]}
    assert charges(session) == ["failed"] * MOST_ATTEMPTS
    assert page(session).status_code == 410


@pytest.mark.parametrize("method", ["", "tok_visa", "4242424242424242", "pm_card visa", "pm_" + "x" * 61])
def test_only_a_payment_method_pays(api: Api, method: str) -> None:
    session = made(api)
    answer = pay(session, method)
    assert answer.status_code == 404 and charges(session) == []


def test_a_session_is_ended_by_its_merchant_or_by_time_and_pays_no_more(
    api: Api, bank: ScriptedBank, books: Books
) -> None:
    ended, overdue, paid, busy = (made(api) for _ in range(4))
    assert api.post(f"checkout/sessions/{ended['id']}/expire")[1]["status"] == "expired"
    pay(paid)
    bank.script.append(Unknown("timed out"))
    pay(busy)
    for session in (overdue, paid, busy):
        expire(books, session)
    assert page(overdue).status_code == 410
    assert pay(overdue).json() == {"go": overdue["url"]}
    assert expire_overdue() == 1
    assert expire_overdue() == 0
    for session in (ended, overdue):
        assert charges(session) == []
        intent = api.get(f"payment_intents/{session['payment_intent']}")[1]
        assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "expired")
        types = [event.type for event in Event.objects.filter(object_id=session["id"])]
        assert types == ["checkout.session.expired"]
        assert "Nothing was taken here" in page(session).content.decode()
    states = dict(CheckoutSession.objects.values_list("public_id", "state"))
    assert (states[paid["id"]], states[busy["id"]]) == ("complete", "open")


def test_a_session_whose_intent_its_merchant_canceled_is_over(api: Api, books: Books) -> None:
    session = made(api)
    api.post(f"payment_intents/{session['payment_intent']}/cancel")
    assert api.get(f"checkout/sessions/{session['id']}")[1]["status"] == "expired"
    assert page(session).status_code == 410
    expire(books, session)
    assert expire_overdue() == 1


def test_what_was_shown_is_what_is_paid(api: Api, books: Books) -> None:
    session = made(api)
    path = f"payment_intents/{session['payment_intent']}"
    assert api.refused(path, "amount=100")[2] == "amount"
    assert api.refused(path, "currency=usd")[2] == "currency"
    assert api.post(path, "description=Two+tents")[0] == 200
    for attack in (
        "UPDATE payments_paymentintent SET amount_minor = 1 WHERE public_id = %(intent)s",
        "UPDATE payments_paymentintent SET currency = 'usd' WHERE public_id = %(intent)s",
        "UPDATE payments_checkoutsession SET amount_minor = 1 WHERE public_id = %(session)s",
        "UPDATE payments_checkoutsession SET success_url = 'https://evil.example' WHERE public_id = %(session)s",
        "UPDATE payments_checkoutsession SET state = 'complete' WHERE public_id = %(session)s",
        "UPDATE payments_checkoutsession SET state = 'expired' WHERE public_id = %(session)s",
        "DELETE FROM payments_checkoutsession WHERE public_id = %(session)s",
        "TRUNCATE payments_checkoutsession CASCADE",
        copied(amount="amount_minor + 1"),
        copied(amount="100"),
        copied(merchant="merchant_id + 1"),
        copied(livemode="true"),
        copied(state="'complete'"),
        copied(items="""'[{"unit_minor": 2600, "quantity": 1}, {"unit_minor": -100, "quantity": 1}]'"""),
    ):
        for role in (books.superuser, books.application):
            with role() as raw, pytest.raises(psycopg.Error):
                raw.execute(attack, {"session": session["id"], "intent": session["payment_intent"]})
    assert api.get(f"checkout/sessions/{session['id']}")[1]["amount_total"] == 2_500


def copied(
    *,
    amount: str = "amount_minor",
    merchant: str = "merchant_id",
    livemode: str = "livemode",
    state: str = "'open'",
    items: str = """'[{"unit_minor": 2500, "quantity": 1}]'""",
) -> str:
    """A session for an intent that has none, all but right."""
    return f"""
        WITH bare AS (
            INSERT INTO payments_paymentintent (public_id, merchant_id, livemode, state, amount_minor, currency)
            SELECT 'pi_bare', merchant_id, livemode, 'requires_payment_method', amount_minor, currency
            FROM payments_paymentintent WHERE public_id = %(intent)s RETURNING *
        )
        INSERT INTO payments_checkoutsession
            (public_id, merchant_id, livemode, payment_intent_id, state, amount_minor, currency, items, metadata,
             expires_at)
        SELECT 'cs_bare', {merchant}, {livemode}, id, {state}, {amount}, currency, {items}, '{{}}', now() FROM bare
    """


def test_holding_at_the_page_completes_it_too(api: Api, bank: ScriptedBank) -> None:
    session = made(api, f"{BASE}&payment_intent_data[capture_method]=manual")
    assert "Reserve €25.00" in page(session).content.decode()
    bank.script.append(Approved("auth_1", 2_500))
    assert pay(session).status_code == 200
    shown = api.get(f"checkout/sessions/{session['id']}")[1]
    assert (shown["status"], shown["payment_status"]) == ("complete", "unpaid")
    intent = shown["payment_intent"]
    assert api.post(f"payment_intents/{intent}/capture")[1]["status"] == "succeeded"
    assert Event.objects.filter(object_id=session["id"]).count() == 1
    assert api.get(f"checkout/sessions/{session['id']}")[1]["payment_status"] == "paid"


def test_a_session_lasts_as_long_as_was_asked(api: Api) -> None:
    wanted = int((timezone.now() + timedelta(hours=1)).timestamp())
    session = made(api, f"{BASE}&expires_at={wanted}")
    assert session["expires_at"] == wanted
