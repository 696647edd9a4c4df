"""Cards are given so often from one address and for one merchant, and not at all while nobody counts."""

from collections.abc import Iterator

import pytest
import redis

from core.ids import random_text
from gateway.embedded import EmbeddedValkey
from processors.vault import VaultClient
from tests.support.processes import Process
from tests.support.processes import vault as vault_process
from tests.support.servers import SHARED_SECRET
from tests.vault.room import Merchant, Reply, Room, card_fields, new_merchant, post_form


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey("valkey-limits") as valkey:
        yield valkey


@pytest.fixture(scope="module")
def limited(room: Room, valkey: EmbeddedValkey) -> Iterator[Process]:
    folder = room.folder / "cards-limited"
    folder.mkdir()
    limits = {
        "VAULT_REDIS_URL": valkey.url(),
        "VAULT_RATE_LIMIT_CARDS": "3/h",
        "VAULT_RATE_LIMIT_CARDS_OF_KEY": "5/h",
        "VAULT_TRUSTED_PROXIES": "1",
    }
    process = vault_process(folder, room.environment() | limits, banks=["https://bank.example"])
    process.start()
    yield process
    process.stop()


@pytest.fixture
def shop(limited: Process, valkey: EmbeddedValkey) -> Merchant:
    redis.Redis.from_url(valkey.url()).flushall()
    return new_merchant(VaultClient(limited.url, SHARED_SECRET), limited.url)


def give(shop: Merchant, address: str, key: str = "") -> Reply:
    headers = {"Authorization": f"Bearer {key or shop.test_key}", "X-Forwarded-For": f"10.0.0.1, {address}"}
    return post_form(f"{shop.vault}/v1/tokens", card_fields(cvc=None), headers)


def test_an_address_gives_so_many_cards_whatever_its_keys(shop: Merchant, limited: Process) -> None:
    assert [give(shop, "192.0.2.1", key).status for key in ("", "", f"pk_test_{random_text(24)}")] == [
        200,
        200,
        401,
    ]
    refused = give(shop, "192.0.2.1")
    assert (refused.status, refused.error["code"]) == (429, "rate_limit")
    assert (refused.headers["Stripe-Should-Retry"], int(refused.headers["Retry-After"]) > 1000) == (
        "true",
        True,
    )
    assert give(shop, "192.0.2.2").status == 200
    assert '"error":"rate_limit"' in limited.log.read_text()


def test_a_merchant_is_given_so_many_cards_from_everywhere(shop: Merchant) -> None:
    assert [give(shop, f"192.0.2.{number}").status for number in range(6)] == [200] * 5 + [429]
    assert give(shop, "192.0.2.9", shop.live_key).status == 200


def test_while_nobody_counts_no_card_is_taken(shop: Merchant, valkey: EmbeddedValkey) -> None:
    valkey.stop()
    try:
        refused = give(shop, "192.0.2.3")
    finally:
        valkey.start()
    assert (refused.status, refused.error["type"]) == (503, "api_error")
    assert give(shop, "192.0.2.3").status == 200
