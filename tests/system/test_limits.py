"""A limit as a merchant's server meets it: Stripe's own SDK, two web processes, and a Redis between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe
from stripe.params import ChargeCreateParams

from merchants.services import NewMerchant
from tests.support import processes
from tests.support.processes import System


@pytest.fixture
def limited(system: System, folder: Path) -> Iterator[str]:
    web = processes.web(folder, system.environment | {"RATE_LIMIT_KEY": "3/s"}, workers=2, name="web-limited")
    web.start()
    yield web.url
    web.stop()


def test_the_sdk_raises_its_own_error_and_waits_where_it_may_retry(limited: str, shop: NewMerchant) -> None:
    def client(retries: int) -> stripe.StripeClient:
        return stripe.StripeClient(
            shop.keys["sk_test"], base_addresses={"api": limited}, max_network_retries=retries
        )

    with pytest.raises(stripe.RateLimitError) as refused:
        for _ in range(20):
            client(0).v1.charges.list()
    assert (refused.value.error and refused.value.error.code, refused.value.http_status) == (
        "rate_limit",
        429,
    )
    # What Stripe's SDKs do by themselves is enough.
    paid: ChargeCreateParams = {"amount": 1_000, "currency": "usd", "source": "tok_visa"}
    charges = [client(5).v1.charges.create(paid) for _ in range(6)]
    assert {charge.status for charge in charges} == {"succeeded"}
