"""POST /v1/tokens, as browsers and SDKs call it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from processors.vault import VaultClient
from tests.support.processes import Process
from tests.vault.room import VISA, Merchant, Room, card_fields, new_merchant, post_form, send

TOKEN_KEYS = {"id", "object", "card", "client_ip", "created", "livemode", "type", "used"}
CARD_KEYS = (
    "id object address_city address_country address_line1 address_line1_check address_line2 address_state "
    "address_zip address_zip_check brand country cvc_check dynamic_last4 exp_month exp_year fingerprint "
    "funding last4 metadata name regulated_status tokenization_method networks"
)


def test_a_token_has_every_field_that_the_sdks_expect(merchant: Merchant) -> None:
    reply = merchant.token(
        name="Jane Roe", address_line1="Hauptstraße 1", address_zip="10115", address_city="Berlin"
    )
    assert reply.status == 200
    token, card = reply.body, reply.body["card"]
    assert set(token) == TOKEN_KEYS
    assert set(card) == set(CARD_KEYS.split())
    assert token["object"] == "token"
    assert token["id"].startswith("tok_")
    assert (token["livemode"], token["used"], token["type"], token["client_ip"]) == (
        False,
        False,
        "card",
        "127.0.0.1",
    )
    assert abs(token["created"] - time.time()) < 30
    assert (card["brand"], card["last4"], card["funding"], card["country"]) == (
        "Visa",
        "4242",
        "credit",
        "US",
    )
    assert (card["exp_month"], card["exp_year"], card["cvc_check"]) == (12, 2034, "unchecked")
    assert (card["name"], card["address_line1"], card["address_zip"]) == (
        "Jane Roe",
        "Hauptstraße 1",
        "10115",
    )
    assert (card["address_line1_check"], card["address_zip_check"]) == ("unchecked", "unchecked")
    assert reply.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4242424242424242", "Visa"),
        ("5555555555554444", "MasterCard"),
        ("6011111111111117", "Discover"),
    ],
)
def test_brands_are_written_as_cards_write_them(merchant: Merchant, number: str, brand: str) -> None:
    assert merchant.token(number).body["card"]["brand"] == brand


def test_an_amex_has_a_code_of_four_digits(merchant: Merchant) -> None:
    assert merchant.token("378282246310005", cvc="1234").body["card"]["brand"] == "American Express"
    reply = merchant.token("378282246310005", cvc="123")
    assert (reply.status, reply.error["code"]) == (402, "invalid_cvc")


@pytest.mark.parametrize(
    ("card", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"number": "4242"}, "incorrect_number", "number"),
        ({"number": "not a number"}, "incorrect_number", "number"),
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": 2020}, "invalid_expiry_year", "exp_year"),
        ({"cvc": "99"}, "invalid_cvc", "cvc"),
        ({"cvc": "12a"}, "invalid_cvc", "cvc"),
    ],
)
def test_what_is_wrong_with_a_card_is_named(
    merchant: Merchant, card: dict[str, object], code: str, param: str
) -> None:
    reply = merchant.post("/v1/tokens", card_fields(**({"number": VISA} | card)))  # type: ignore[arg-type]
    assert reply.status == 402
    assert (reply.error["type"], reply.error["code"], reply.error["param"]) == ("card_error", code, param)


@pytest.mark.parametrize("missing", ["number", "exp_month", "exp_year"])
def test_what_is_missing_is_named(merchant: Merchant, missing: str) -> None:
    fields = card_fields()
    del fields[f"card[{missing}]"]
    reply = merchant.post("/v1/tokens", fields)
    assert (reply.status, reply.error["code"]) == (400, "parameter_missing")
    assert reply.error["param"] == f"card[{missing}]"


def test_an_unknown_parameter_is_refused(merchant: Merchant) -> None:
    reply = merchant.post("/v1/tokens", {**card_fields(), "card[color]": "red"})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (
        400,
        "parameter_unknown",
        "card[color]",
    )


def test_an_empty_request_names_the_card(merchant: Merchant) -> None:
    reply = merchant.post("/v1/tokens", {})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "parameter_missing", "card")


def test_errors_never_quote_what_was_sent(merchant: Merchant) -> None:
    url, key = f"{merchant.vault}/v1/tokens", {"Authorization": f"Bearer {merchant.test_key}"}
    replies = [
        merchant.post("/v1/tokens", {**card_fields(), VISA: "x"}),
        merchant.post("/v1/tokens", {**card_fields(), f"card[{VISA}]": "x"}),
        merchant.post("/v1/tokens", {"card": VISA}),
        merchant.post("/v1/tokens", card_fields(exp_month=VISA)),
        merchant.post("/v1/tokens", card_fields(exp_month="x" + VISA)),
        merchant.post("/v1/tokens", {**card_fields(), "card[cvc][x]": "987"}),
        merchant.post("/v1/tokens", {**card_fields(), "expand[]": VISA}),
        send("POST", f"{merchant.vault}/v1/{VISA}", b"", key),
        *(
            send("POST", url, json.dumps(body).encode(), key | {"Content-Type": "application/json"})
            for body in (
                {"card": {"number": [VISA], "exp_month": 12, "exp_year": 2034}},
                {"card": {"number": VISA, "exp_month": {"a": VISA}, "exp_year": 2034}},
                {"card": {"number": VISA, "exp_month": 12, "exp_year": 2034, "cvc": {"a": "987"}}},
            )
        ),
    ]
    for reply in replies:
        assert reply.status in (400, 404), reply
        assert "424242" not in json.dumps(reply.body)
        assert "987" not in json.dumps(reply.body)


@pytest.mark.parametrize("field", ["name", "address_line1", "address_zip"])
@pytest.mark.parametrize("text", ["4242424242424242", "my card 4242 4242-4242 4242!"])
def test_a_card_number_in_a_name_or_an_address_is_refused(merchant: Merchant, field: str, text: str) -> None:
    given: dict[str, Any] = {field: text}
    reply = merchant.token(**given)
    assert (reply.status, reply.error["param"]) == (400, f"card[{field}]")
    assert "4242" not in json.dumps(reply.body)


def test_json_is_taken_too(merchant: Merchant) -> None:
    body = {"card": {"number": "5555 5555 5555 4444", "exp_month": 1, "exp_year": 34, "cvc": "123"}}
    reply = send(
        "POST",
        f"{merchant.vault}/v1/tokens",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {merchant.test_key}", "Content-Type": "application/json"},
    )
    assert (reply.status, reply.body["card"]["last4"], reply.body["card"]["exp_year"]) == (200, "4444", 2034)


def test_the_same_card_has_the_same_fingerprint_for_one_merchant_only(
    merchant: Merchant, client: VaultClient, vault: Process
) -> None:
    other = new_merchant(client, vault.url)
    first = merchant.token().body["card"]["fingerprint"]
    assert merchant.token(exp_year=2031).body["card"]["fingerprint"] == first
    assert other.token().body["card"]["fingerprint"] != first
    assert merchant.token("5555555555554444").body["card"]["fingerprint"] != first


class TestModes:
    REAL = "4539148803436467"

    def test_test_mode_takes_test_cards_only(self, merchant: Merchant) -> None:
        reply = merchant.token(self.REAL)
        assert (reply.status, reply.error["code"]) == (402, "card_declined")
        assert reply.error["decline_code"] == "test_mode_live_card"

    def test_live_mode_takes_any_card(self, merchant: Merchant) -> None:
        reply = merchant.token(self.REAL, live=True)
        assert (reply.status, reply.body["livemode"]) == (200, True)
        assert (reply.body["card"]["funding"], reply.body["card"]["country"]) == ("unknown", None)


class TestKeys:
    def test_no_key_is_a_401(self, vault: Process) -> None:
        reply = post_form(f"{vault.url}/v1/tokens", card_fields(), {})
        assert (reply.status, reply.error["type"]) == (401, "invalid_request_error")

    def test_an_unknown_key_is_a_401_that_masks_it(self, vault: Process) -> None:
        key = "pk_test_unknownunknownunknown1234"
        reply = post_form(f"{vault.url}/v1/tokens", card_fields(), {"Authorization": f"Bearer {key}"})
        assert reply.status == 401
        assert key not in reply.error["message"]
        assert "1234" in reply.error["message"]

    def test_a_secret_key_is_refused(self, vault: Process) -> None:
        key = "sk_test_secretsecretsecret1234"
        reply = post_form(f"{vault.url}/v1/tokens", card_fields(), {"Authorization": f"Bearer {key}"})
        assert reply.status == 401
        assert "revoke" in reply.error["message"]

    def test_a_revoked_key_is_refused_and_never_comes_back(
        self, merchant: Merchant, client: VaultClient
    ) -> None:
        known: dict[str, Any] = {
            "key_hash": sha256(merchant.test_key.encode()).hexdigest(),
            "merchant": merchant.id,
        }
        client.push_publishable_key(**known, livemode=False, revoked=True)
        assert merchant.token().status == 401
        client.push_publishable_key(**known, livemode=False, revoked=False)
        assert merchant.token().status == 401
        assert merchant.token(live=True).status == 200

    def test_a_rolled_key_works_until_it_expires(self, merchant: Merchant, client: VaultClient) -> None:
        known: dict[str, Any] = {
            "key_hash": sha256(merchant.test_key.encode()).hexdigest(),
            "merchant": merchant.id,
        }
        client.push_publishable_key(**known, livemode=False, revoked=False, expires_at=int(time.time()) + 60)
        assert merchant.token().status == 200
        client.push_publishable_key(**known, livemode=False, revoked=False, expires_at=int(time.time()) - 1)
        assert merchant.token().status == 401

    def test_postgresql_lets_no_key_come_back(
        self, room: Room, merchant: Merchant, client: VaultClient
    ) -> None:
        hashed = sha256(merchant.test_key.encode()).hexdigest()
        client.push_publishable_key(key_hash=hashed, merchant=merchant.id, livemode=False, revoked=True)
        with room.application() as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("UPDATE vault_publishablekey SET revoked = false WHERE hash = %s", [hashed])


class TestIdempotency:
    def test_the_same_request_gets_the_same_token(self, merchant: Merchant) -> None:
        first = merchant.token(key="a-key")
        second = merchant.token(key="a-key")
        assert second.body == first.body
        assert "Idempotent-Replayed" not in first.headers
        assert second.headers["Idempotent-Replayed"] == "true"

    def test_20_threads_get_one_token(self, merchant: Merchant, room: Room) -> None:
        with ThreadPoolExecutor(20) as threads:
            replies = list(threads.map(lambda _: merchant.token(key="a-key"), range(20)))
        assert {reply.status for reply in replies} == {200}
        assert len({reply.body["id"] for reply in replies}) == 1
        with room.superuser() as connection:
            count = connection.execute("SELECT count(*) FROM vault_card WHERE merchant = %s", [merchant.id])
            assert count.fetchone() == (1,)

    @pytest.mark.parametrize("change", [{"cvc": "321"}, {"cvc": None}, {"name": "Other"}, {"exp_year": 2030}])
    def test_another_request_under_the_key_is_refused(
        self, merchant: Merchant, change: dict[str, Any]
    ) -> None:
        assert merchant.token(key="a-key").status == 200
        reply = merchant.token(key="a-key", **change)
        assert (reply.status, reply.error["type"]) == (400, "idempotency_error")

    def test_another_card_or_endpoint_under_the_key_is_refused(self, merchant: Merchant) -> None:
        assert merchant.token(key="a-key").status == 200
        assert merchant.token("5555555555554444", key="a-key").error["type"] == "idempotency_error"
        reply = merchant.post("/v1/payment_methods", {**card_fields(), "type": "card"}, key="a-key")
        assert reply.error["type"] == "idempotency_error"

    def test_a_refused_card_does_not_take_the_key(self, merchant: Merchant) -> None:
        assert merchant.token("4242424242424241", key="a-key").status == 402
        assert merchant.token(key="a-key").status == 200

    def test_keys_belong_to_a_merchant_and_a_mode(self, merchant: Merchant) -> None:
        assert merchant.token(key="a-key").body["id"] != merchant.token(key="a-key", live=True).body["id"]

    def test_a_key_that_is_too_long_is_refused(self, merchant: Merchant) -> None:
        assert merchant.token(key="k" * 256).status == 400


class TestBrowsers:
    @pytest.mark.parametrize("path", ["/v1/tokens", "/v1/payment_methods"])
    def test_a_page_of_any_origin_may_send_a_card(self, vault: Process, path: str) -> None:
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization"}
        reply = send("OPTIONS", vault.url + path, b"", asked)
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in reply.headers

    def test_errors_can_be_read_by_the_page(self, merchant: Merchant) -> None:
        assert merchant.token("4242424242424241").headers["Access-Control-Allow-Origin"] == "*"

    def test_the_internal_calls_are_not_for_pages(self, vault: Process) -> None:
        reply = send("OPTIONS", f"{vault.url}/internal/forward", b"", {"Origin": "https://shop.example"})
        assert "Access-Control-Allow-Origin" not in reply.headers


class TestBodies:
    def test_a_huge_body_is_a_413(self, merchant: Merchant) -> None:
        reply = merchant.token(name="x" * 70_000)
        assert (reply.status, reply.error["type"]) == (413, "invalid_request_error")

    def test_a_body_without_a_length_is_a_411(self, merchant: Merchant) -> None:
        headers = {"Authorization": f"Bearer {merchant.test_key}", "Transfer-Encoding": "chunked"}
        reply = send("POST", f"{merchant.vault}/v1/tokens", b"5\r\nhello\r\n0\r\n\r\n", headers)
        assert reply.status == 411

    def test_a_get_is_a_405_and_an_unknown_address_a_404_in_json(self, vault: Process) -> None:
        assert send("GET", f"{vault.url}/v1/tokens", b"", {}).status == 405
        assert send("GET", f"{vault.url}/v1/charges", b"", {}).error["type"] == "invalid_request_error"
