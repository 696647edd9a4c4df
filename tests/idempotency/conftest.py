"""A gateway whose Redis can be stopped, emptied, falsified or slowed down, while requests are repeated."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from gateway.embedded import EmbeddedValkey
from merchants.services import NewMerchant, create_merchant
from tests.console.world import World, start_world
from tests.support.client import Client
from tests.support.proxy import SlowProxy
from tests.support.servers import Servers

CONDITIONS = ("there", "stopped", "flushed", "an old copy", "delayed")
DELAY_SECONDS = 3.0


@dataclass
class RedisAside:
    """`between` is called between a request and its repeat."""

    valkey: EmbeddedValkey
    proxy: SlowProxy
    condition: str = "there"

    def between(self) -> None:
        client = redis.Redis.from_url(self.valkey.url())
        match self.condition:
            case "flushed":
                client.flushall()
            case "an old copy":
                self._lie(client)
            case _:
                return

    def _lie(self, client: Any) -> None:
        """Each answer is another's now, as it may be in a Redis that does not belong to these books."""
        names = sorted(client.keys("answer:*"))
        values = [client.get(name) for name in names]
        for name, value in zip(names, values[1:] + values[:1], strict=True):
            client.set(name, value)

    def begin(self, condition: str) -> None:
        self.condition = condition
        if condition == "stopped":
            self.valkey.stop()
        if condition == "delayed":
            self.proxy.delay_seconds = DELAY_SECONDS

    def end(self) -> None:
        if self.condition == "stopped":
            self.valkey.start()
        self.proxy.delay_seconds = 0.0


@pytest.fixture(scope="session")
def aside() -> Iterator[RedisAside]:
    with EmbeddedValkey("valkey-aside") as valkey, SlowProxy(valkey.port) as proxy:
        yield RedisAside(valkey, proxy)


@pytest.fixture(scope="session")
def gateway(servers: Servers, aside: RedisAside) -> Iterator[World]:
    url = aside.valkey.url().replace(f":{aside.valkey.port}/", f":{aside.proxy.port}/")
    with ExitStack() as stack:
        yield start_world(stack, servers, "conformance", REDIS_URL=url)


@pytest.fixture(scope="module")
def looking(gateway: World, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), gateway.looked_at():
        yield gateway


@pytest.fixture(scope="module", params=CONDITIONS)
def condition(request: pytest.FixtureRequest, looking: World, aside: RedisAside) -> Iterator[RedisAside]:
    """How Redis is, for a whole round of the tests."""
    aside.begin(request.param)
    yield aside
    aside.end()


@pytest.fixture(scope="module")
def shop(looking: World) -> NewMerchant:
    return create_merchant("A shop")


@pytest.fixture
def api(looking: World, shop: NewMerchant) -> Client:
    return Client(looking.url, shop.keys["sk_test"])
