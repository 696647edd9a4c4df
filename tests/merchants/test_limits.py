"""How many requests are taken of whom, counted in a real Redis that is stopped, restarted and flushed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.test import Client

from core.ids import random_text
from core.limits import Limit, read_limit
from core.redis_line import forget_redis
from gateway.embedded import EmbeddedValkey
from idempotency.models import Claim
from merchants import auth
from merchants.services import NewMerchant, create_merchant, limit_requests
from tests.conftest import Books, point_redis_at

ENDPOINT = "url=https://93.184.215.14/hooks&enabled_events[]=*"
FORM = "application/x-www-form-urlencoded"
# Nothing that is taken comes back while a test runs.
THREE = Limit(3, "h")


@pytest.fixture(scope="module")
def aside() -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey("valkey-limits") as valkey:
        yield valkey


@pytest.fixture
def valkey(books: Books, aside: EmbeddedValkey, settings: Any) -> Iterator[EmbeddedValkey]:
    settings.RATE_LIMITS = dict.fromkeys(("key", "browser", "wrong_keys"), THREE)
    point_redis_at(aside.url())
    redis.Redis.from_url(aside.url()).flushall()
    forget_redis()
    yield aside
    point_redis_at(books.servers.valkey.url())


@pytest.fixture
def shop(books: Books) -> NewMerchant:
    return create_merchant("A shop")


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): text for name, text in more.items()}


def statuses(key: str, times: int, path: str = "/v1/charges", **more: Any) -> list[int]:
    return [Client(**more).get(path, headers=bearer(key)).status_code for _ in range(times)]


def test_a_key_has_its_own_share_and_is_told_when_to_come_back(
    valkey: EmbeddedValkey, shop: NewMerchant
) -> None:
    key = shop.keys["sk_test"]
    assert statuses(key, 4) == [200, 200, 200, 429]
    refused = Client().get("/v1/charges", headers=bearer(key))
    assert json.loads(refused.content)["error"] | {"message": ""} == {
        "type": "invalid_request_error",
        "code": "rate_limit",
        "message": "",
    }
    assert refused.headers["Stripe-Should-Retry"] == "true"
    # A third of an hour for each.
    assert 1100 < int(refused.headers["Retry-After"]) <= 1200
    assert statuses(shop.keys["sk_live"], 1) == [200]
    redis.Redis.from_url(valkey.url()).flushall()
    assert statuses(key, 1) == [200]


def test_a_refused_request_takes_no_claim(valkey: EmbeddedValkey, shop: NewMerchant) -> None:
    headers = bearer(shop.keys["sk_test"], Idempotency_Key="late")
    statuses(shop.keys["sk_test"], 3)

    def ask() -> Any:
        return Client().post("/v1/webhook_endpoints", ENDPOINT, content_type=FORM, headers=headers)

    assert ask().status_code == 429
    assert not Claim.objects.filter(merchant=shop.merchant).exists()
    redis.Redis.from_url(valkey.url()).flushall()
    made = ask()
    assert (made.status_code, made.headers.get("Idempotent-Replayed")) == (200, None)
    assert ask().headers["Idempotent-Replayed"] == "true"


def test_each_request_is_counted_once_whatever_answers_it(valkey: EmbeddedValkey, shop: NewMerchant) -> None:
    """By the idempotency layer on the way to its answers, by the view otherwise."""
    key = shop.keys["sk_test"]
    replayed = bearer(key, Idempotency_Key="k")
    for _ in range(3):
        Client().post("/v1/webhook_endpoints", ENDPOINT, content_type=FORM, headers=replayed)
    assert statuses(key, 1) == [429]


def test_a_browser_is_counted_by_its_address_too(
    valkey: EmbeddedValkey, shop: NewMerchant, settings: Any
) -> None:
    settings.RATE_LIMITS |= {"key": Limit(100, "s")}
    path = "/v1/payment_intents/pi_x?client_secret=x"
    assert statuses(shop.keys["pk_test"], 4, path, REMOTE_ADDR="192.0.2.1") == [404, 404, 404, 429]
    assert statuses(shop.keys["pk_test"], 1, path, REMOTE_ADDR="192.0.2.2") == [404]
    assert statuses(shop.keys["sk_test"], 4, REMOTE_ADDR="192.0.2.1") == [200] * 4


def test_whoever_guesses_keys_is_told_nothing_more_and_harms_nobody_beside_them(
    valkey: EmbeddedValkey, shop: NewMerchant
) -> None:
    wrong = [statuses(f"sk_test_{random_text(32)}", 1, REMOTE_ADDR="192.0.2.3") for _ in range(4)]
    assert wrong == [[401], [401], [401], [429]]
    assert statuses(shop.keys["sk_test"], 1, REMOTE_ADDR="192.0.2.3") == [200]
    assert statuses(f"sk_test_{random_text(32)}", 1, REMOTE_ADDR="192.0.2.4") == [401]


def test_cardholders_who_come_back_are_counted_by_their_address(valkey: EmbeddedValkey) -> None:
    assert statuses("", 4, "/pay/return/x") == [404, 404, 404, 429]


def test_a_merchant_may_have_a_share_of_its_own(
    valkey: EmbeddedValkey, shop: NewMerchant, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("limit_requests", shop.merchant.public_id, "5")
    assert "at most 5/s" in capsys.readouterr().out
    assert 429 not in statuses(shop.keys["sk_test"], 4)
    limit_requests(shop.merchant, None)
    auth._remembered.clear()
    assert statuses(shop.keys["sk_live"], 4)[-1] == 429
    for wrong in ("0", "-1"):
        with pytest.raises(CommandError):
            call_command("limit_requests", shop.merchant.public_id, "--", wrong)


def test_while_redis_is_away_everything_goes_on_but_cards(valkey: EmbeddedValkey, shop: NewMerchant) -> None:
    key = shop.keys["sk_test"]
    statuses(key, 3)
    valkey.stop()
    try:
        assert statuses(key, 2) == [200, 200]
        made = Client().post(
            "/v1/webhook_endpoints",
            ENDPOINT,
            content_type=FORM,
            headers=bearer(key, Idempotency_Key="open"),
        )
        assert made.status_code == 200
        for path in ("/v1/tokens", "/v1/payment_methods"):
            closed = Client().post(
                path, "card[number]=4242424242424242", content_type=FORM, headers=bearer(key)
            )
            assert (closed.status_code, closed.headers["Stripe-Should-Retry"]) == (503, "true")
    finally:
        valkey.start()
    # A fresh one, which does not know the script yet, either.
    forget_redis()
    assert statuses(key, 4) == [200, 200, 200, 429]


def test_refusals_are_counted_for_prometheus(
    valkey: EmbeddedValkey, shop: NewMerchant, settings: Any
) -> None:
    settings.METRICS_TOKEN = "a token"
    statuses(shop.keys["sk_test"], 5)

    def metrics() -> str:
        return Client().get("/metrics", headers={"Authorization": "Bearer a token"}).content.decode()

    assert 'tollgate_requests_refused_total{limit="key"} 2.0' in metrics()
    assert 'tollgate_requests_refused_total{limit="browser"} 0.0' in metrics()
    valkey.stop()
    try:
        assert "requests_refused" not in metrics()
    finally:
        valkey.start()


@pytest.mark.parametrize("text", ["0/s", "-1/s", "100", "1/d", "1.5/s", "/s", "1/s/s"])
def test_a_limit_that_is_none_is_refused_at_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_LIMIT", text)
    with pytest.raises(SystemExit, match="A_LIMIT is a number per second, minute or hour"):
        read_limit("A_LIMIT", "1/s")
