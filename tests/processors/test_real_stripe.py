"""One payment at Stripe itself, in its test mode. The account must be allowed to send card numbers to its API."""

import os
from collections.abc import Iterator

import pytest

from core.ids import new_id
from processors.protocol import Approved, Tombstoned
from processors.stripe import StripeProcessor
from processors.vault import VaultClient
from tests.processors.shop import DECLINED_CARD, Shop
from tests.support import processes
from tests.support.servers import SHARED_SECRET, Servers
from tests.vault.room import new_merchant

STRIPE = "https://api.stripe.com"


@pytest.fixture(scope="module")
def key() -> str:
    key = os.environ.get("STRIPE_TEST_KEY", "")
    if not key:
        pytest.skip("no STRIPE_TEST_KEY: this test needs an account at Stripe")
    if not key.startswith(("sk_test_", "rk_test_")):
        pytest.fail("STRIPE_TEST_KEY is not a key of Stripe's test mode")
    return key


@pytest.fixture
def shop(key: str, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("vault for Stripe")
    process = processes.vault(folder, servers.vault_environment(), banks=[STRIPE])
    process.start()
    vault = VaultClient(process.url, SHARED_SECRET)
    adapter = StripeProcessor(name="stripe", vault=vault, key=key, base_url=STRIPE)
    yield Shop(new_merchant(vault, process.url), adapter)
    process.stop()


def test_stripe_itself_takes_refunds_declines_and_voids(shop: Shop) -> None:
    order = shop.order()
    sold = shop.send(order)
    assert isinstance(sold, Approved), sold
    assert shop.send(order) == sold
    refunded = shop.refund(sold.processor_id, 2_500)
    assert isinstance(refunded, Approved), refunded
    held = shop.held()
    assert isinstance(shop.capture(held, 4_000), Approved)
    assert isinstance(shop.void(shop.held()), Approved)
    assert "insufficient_funds" in str(shop.send(shop.order(DECLINED_CARD)))
    challenge = shop.challenged()
    assert isinstance(shop.void(challenge.processor_id), Approved)
    assert isinstance(shop.void_by_reference(new_id("op")), Tombstoned)
