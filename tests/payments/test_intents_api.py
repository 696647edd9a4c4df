"""Payment intents over HTTP: what is refused, with which words, and what a browser's key may do."""

from typing import Any

import pytest
from django.test import Client as Http

from merchants.services import NewMerchant, create_merchant
from payments.models import Charge, PaymentIntent
from tests.payments.balances import balances
from tests.support.scripted import ScriptedBank

FORM = "application/x-www-form-urlencoded"
BASE = "amount=10000&currency=usd"
PAID = f"{BASE}&payment_method=pm_card_visa&confirm=true&allowed_payment_method_types[]=card"


class Api:
    """One key of a merchant."""

    def __init__(self, key: str) -> None:
        self.http = Http(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {key}"}
        self.count = 0

    def post(self, path: str, body: str = "", *, key: str | None = "") -> tuple[int, Any]:
        """`key` None sends none; "" makes one up."""
        self.count += 1
        headers = self.headers | ({} if key is None else {"Idempotency-Key": key or f"k{self.count}"})
        answer = self.http.post(f"/v1/{path}", body, content_type=FORM, headers=headers)
        return answer.status_code, answer.json()

    def get(self, path: str) -> tuple[int, Any]:
        answer = self.http.get(f"/v1/{path}", headers=self.headers)
        return answer.status_code, answer.json()

    def refused(
        self, path: str, body: str = "", *, key: str | None = ""
    ) -> tuple[int, str | None, str | None]:
        """Status, code and param of a refusal."""
        status, shown = self.post(path, body, key=key)
        return status, shown["error"].get("code"), shown["error"].get("param")


@pytest.fixture
def api(shop: NewMerchant, bank: ScriptedBank) -> Api:
    return Api(shop.keys["sk_test"])


@pytest.fixture
def browser(shop: NewMerchant, bank: ScriptedBank) -> Api:
    return Api(shop.keys["pk_test"])


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ("currency=usd", "parameter_missing", "amount"),
        ("amount=10000", "parameter_missing", "currency"),
        ("amount=abc&currency=usd", "parameter_invalid_integer", "amount"),
        ("amount=0&currency=usd", "parameter_invalid_integer", "amount"),
        ("amount=49&currency=usd", "amount_too_small", "amount"),
        ("amount=100000000&currency=usd", "amount_too_large", "amount"),
        ("amount=10000&currency=xxx", None, "currency"),
        (f"{BASE}&colour=red", "parameter_unknown", "colour"),
        (f"{BASE}&capture_method=later", None, "capture_method"),
        (f"{BASE}&confirmation_method=manual", None, "confirmation_method"),
        (f"{BASE}&allowed_payment_method_types[]=ideal", None, "allowed_payment_method_types"),
        (f"{BASE}&payment_method=4242424242424242", None, "payment_method"),
        (f"{BASE}&return_url=javascript:1", "url_invalid", "return_url"),
        (f"{BASE}&confirm=true", "payment_intent_unexpected_state", "payment_method"),
        (f"{BASE}&confirm=true&payment_method=pm_card_visa", "parameter_missing", "return_url"),
        (f"{BASE}&confirm=perhaps", None, "confirm"),
        (f"{BASE}&metadata=x", None, "metadata"),
        (f"{BASE}&receipt_email=nobody", "email_invalid", "receipt_email"),
        (f"{BASE}&receipt_email=a@b.test%0aBcc:c@d.test", "email_invalid", "receipt_email"),
        (f"{BASE}&receipt_email={'a' * 320}@b.test", None, "receipt_email"),
        (f"{BASE}&order_reference={'x' * 256}", None, "order_reference"),
        (f"{BASE}&payment_method_data[type]=card&payment_method_data[card][number]=4242424242424242",
         None, "payment_method_data[card][token]"),
        (f"{BASE}&payment_method_options[card][request_three_d_secure]=any", None, "payment_method_options"),
        (f"{BASE}&expand[]=payment_method.customer", None, "expand"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(
    api: Api, shop: NewMerchant, body: str, code: str | None, param: str
) -> None:
    assert api.refused("payment_intents", body) == (400, code, param)
    assert not PaymentIntent.objects.filter(merchant=shop.merchant).exists()


def test_money_needs_a_key_and_words_do_not(api: Api) -> None:
    assert api.refused("payment_intents", PAID, key=None)[0] == 400
    status, made = api.post("payment_intents", BASE, key=None)
    assert (status, made["status"]) == (200, "requires_payment_method")
    path = f"payment_intents/{made['id']}"
    for what in ("confirm", "capture", "cancel"):
        assert api.refused(f"{path}/{what}", key=None)[0] == 400


def test_one_key_makes_one_intent(api: Api, shop: NewMerchant) -> None:
    first, again = (
        api.post("payment_intents", PAID, key="same"),
        api.post("payment_intents", PAID, key="same"),
    )
    assert first == again and first[1]["status"] == "succeeded"
    assert api.refused("payment_intents", PAID + "&description=x", key="same")[0] == 400
    assert Charge.objects.filter(merchant=shop.merchant).count() == 1


def test_the_last_charge_is_expanded_with_its_making(api: Api) -> None:
    _, made = api.post("payment_intents", f"{PAID}&expand[]=latest_charge.balance_transaction")
    assert made["latest_charge"]["balance_transaction"]["net"] == 9_680


def test_what_an_update_leaves_out_stays(api: Api) -> None:
    _, made = api.post("payment_intents", f"{BASE}&description=One&metadata[a]=1&metadata[b]=2")
    path = f"payment_intents/{made['id']}"
    _, changed = api.post(path, "metadata[a]=&metadata[c]=3&receipt_email=a@b.test")
    assert (changed["description"], changed["metadata"]) == ("One", {"b": "2", "c": "3"})
    _, changed = api.post(path, "metadata=&description=&payment_method=pm_card_visa")
    assert (changed["description"], changed["metadata"], changed["receipt_email"]) == (None, {}, "a@b.test")
    assert changed["status"] == "requires_confirmation"
    _, changed = api.post(path, "payment_method=")
    assert (changed["status"], changed["payment_method"]) == ("requires_payment_method", None)
    assert api.refused(path, "amount=1")[1] == "amount_too_small"
    assert api.refused(f"{path}/confirm")[1] == "payment_intent_unexpected_state"


def test_another_merchants_intent_does_not_exist(api: Api, bank: ScriptedBank) -> None:
    other = Api(create_merchant("Another").keys["sk_test"])
    _, made = api.post("payment_intents", BASE)
    for path in ("", "/confirm", "/capture", "/cancel"):
        assert other.refused(f"payment_intents/{made['id']}{path}") == (404, "resource_missing", "intent")
    assert other.get(f"payment_intents/{made['id']}")[0] == 404
    assert other.get("payment_intents/search?query=amount>1")[1]["data"] == []


def test_a_browsers_key_needs_the_intents_secret(api: Api, browser: Api, shop: NewMerchant) -> None:
    _, made = api.post("payment_intents", BASE)
    path, secret = f"payment_intents/{made['id']}", made["client_secret"]
    assert browser.get(path)[0] == 404
    assert browser.get(f"{path}?client_secret={secret}")[1]["status"] == "requires_payment_method"
    _, other = api.post("payment_intents", BASE)
    assert browser.get(f"{path}?client_secret={other['client_secret']}")[0] == 404
    confirm = "payment_method=pm_card_visa&return_url=https://shop.test/"
    assert browser.refused(f"{path}/confirm", confirm, key=None)[0] == 404
    status, paid = browser.post(f"{path}/confirm", f"{confirm}&client_secret={secret}", key=None)
    assert (status, paid["status"]) == (200, "succeeded")
    assert browser.refused(f"{path}/confirm", f"{confirm}&client_secret={secret}", key=None)[1] == (
        "payment_intent_unexpected_state"
    )
    for what, body in (("", "description=x"), ("/capture", ""), ("/cancel", "")):
        assert browser.refused(path + what, f"{body}&client_secret={secret}")[:2] == (
            401,
            "secret_key_required",
        )
    assert browser.get("payment_intents")[0] == browser.get("payment_intents/search?query=amount>1")[0] == 401


def test_a_live_key_knows_no_test_intents(api: Api, shop: NewMerchant) -> None:
    _, made = api.post("payment_intents", BASE)
    assert Api(shop.keys["sk_live"]).get(f"payment_intents/{made['id']}")[0] == 404


def test_the_merchants_own_metadata_key_names_the_order(shop: NewMerchant, bank: ScriptedBank) -> None:
    shop.merchant.order_metadata_key = "cart"
    shop.merchant.save()
    api = Api(shop.keys["sk_test"])
    _, first = api.post("payment_intents", f"{PAID}&metadata[cart]=7")
    assert first["order_reference"] == "7"
    assert api.refused("payment_intents", f"{PAID}&metadata[cart]=7")[:2] == (400, "order_already_paid")
    assert api.refused("charges", "amount=10000&currency=usd&source=tok_visa&metadata[cart]=7")[1] == (
        "order_already_paid"
    )


@pytest.mark.parametrize("body", ["amount_to_capture=0", "amount_to_capture=10001", "amount_to_capture=x"])
def test_only_what_is_held_can_be_captured(api: Api, body: str) -> None:
    _, held = api.post("payment_intents", f"{PAID}&capture_method=manual")
    status, _, param = api.refused(f"payment_intents/{held['id']}/capture", body)
    assert (status, param) == (400, "amount_to_capture")


def test_charges_and_refunds_take_new_words(api: Api, shop: NewMerchant) -> None:
    _, made = api.post("payment_intents", PAID)
    charge = f"charges/{made['latest_charge']}"
    _, changed = api.post(charge, "description=New&metadata[a]=1")
    assert (changed["description"], changed["metadata"]) == ("New", {"a": "1"})
    assert api.get(charge)[1]["description"] == "New"
    _, refund = api.post("refunds", f"payment_intent={made['id']}&amount=100")
    _, changed = api.post(f"refunds/{refund['id']}", "metadata[why]=late")
    assert changed["metadata"] == {"why": "late"}
    types = [event["type"] for event in api.get("events")[1]["data"]]
    assert types[0] == "refund.updated" and "charge.updated" in types
    found = api.get("charges/search?query=metadata['a']:'1'")[1]
    assert [row["id"] for row in found["data"]] == [made["latest_charge"]]


def test_nothing_is_charged_by_what_is_refused(api: Api, caller: Any, bank: ScriptedBank) -> None:
    for body in (BASE, f"{PAID}&amount=1", f"{PAID}&x=1"):
        api.post("payment_intents", body)
    assert bank.done == {} and balances(caller) == {}


def test_a_browser_sees_nothing_of_fees_and_metadata(api: Api, browser: Api, bank: ScriptedBank) -> None:
    _, made = api.post("payment_intents", f"{PAID}&metadata[margin]=90")
    path = f"payment_intents/{made['id']}?client_secret={made['client_secret']}"
    status, seen = browser.get(path)
    assert (status, seen["status"]) == (200, "succeeded")
    assert not {"metadata", "latest_charge"} & set(seen)
    assert browser.get(f"{path}&expand[]=latest_charge.balance_transaction")[0] == 400


def test_a_browser_can_not_turn_a_payment_into_a_hold(api: Api, browser: Api) -> None:
    _, made = api.post("payment_intents", BASE)
    body = f"payment_method=pm_card_visa&return_url=https://shop.test/&client_secret={made['client_secret']}"
    path = f"payment_intents/{made['id']}/confirm"
    _, paid = browser.post(path, f"{body}&capture_method=manual", key=None)
    assert paid["status"] == "succeeded"


def test_a_page_of_another_origin_may_confirm(api: Api) -> None:
    _, made = api.post("payment_intents", BASE)
    answer = Http().options(
        f"/v1/payment_intents/{made['id']}/confirm", headers={"Origin": "https://shop.test"}
    )
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Authorization" in answer["Access-Control-Allow-Headers"]


def test_a_search_counts_when_asked(api: Api) -> None:
    api.post("payment_intents", BASE)
    found = api.get("payment_intents/search?query=amount>1&expand[]=total_count&expand[]=data.latest_charge")[
        1
    ]
    assert (found["total_count"], len(found["data"])) == (1, 1)


def test_metadata_that_names_the_paid_order_again_is_no_change_of_terms(
    shop: NewMerchant, bank: ScriptedBank
) -> None:
    shop.merchant.order_metadata_key = "cart"
    shop.merchant.save()
    api = Api(shop.keys["sk_test"])
    _, paid = api.post("payment_intents", f"{PAID}&metadata[cart]=11")
    path = f"payment_intents/{paid['id']}"
    assert api.post(path, "metadata[cart]=11&metadata[sent]=yes")[1]["metadata"] == {
        "cart": "11",
        "sent": "yes",
    }
    assert api.refused(path, "metadata[cart]=12")[0] == 400


def test_a_receipts_address_is_one_wherever_it_is_given(api: Api) -> None:
    _, intent = api.post("payment_intents", BASE)
    path = f"payment_intents/{intent['id']}"
    _, paid = api.post("charges", f"{BASE}&source=tok_visa&receipt_email=a@b.test")
    assert paid["receipt_email"] == "a@b.test"
    for refused in (
        api.refused(path, "receipt_email=nobody"),
        api.refused(f"{path}/confirm", "receipt_email=nobody"),
        api.refused("charges", f"{BASE}&source=tok_visa&receipt_email=nobody"),
        api.refused(f"charges/{paid['id']}", "receipt_email=nobody"),
    ):
        assert refused == (400, "email_invalid", "receipt_email")
    assert api.post(f"charges/{paid['id']}", "receipt_email=")[1]["receipt_email"] is None
