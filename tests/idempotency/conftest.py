"""A gateway whose Redis can be stopped, emptied, put back to an earlier moment, falsified or slowed down, while
requests are repeated."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.child import Child
from gateway.embedded import EmbeddedValkey
from merchants.services import NewMerchant, create_merchant
from tests.console.world import World, start_world
from tests.idempotency.routes import BANK_URLS
from tests.support.client import Client
from tests.support.proxy import SlowProxy
from tests.support.servers import Servers

# The first one leaves answers behind, of which the copy is made.
CONDITIONS = ("there", "an old copy", "another's", "flushed", "stopped", "delayed")
DELAY_SECONDS = 3.0


class SavingValkey(EmbeddedValkey):
    """One that can be told to save itself to `folder`, and to load again what it saved there."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        super().__init__(name)

    def _described(self) -> Child:
        child = super()._described()
        saves = f'dir "{self.folder}"\nenable-debug-command local\n'
        return replace(child, configuration=child.configuration + saves)


@dataclass
class RedisAside:
    """`between` is called between a request and its repeat."""

    valkey: SavingValkey
    proxy: SlowProxy
    condition: str = "there"

    @property
    def answers(self) -> list[bytes]:
        found: Any = redis.Redis.from_url(self.valkey.url()).keys("answer:*")
        return sorted(found)

    def between(self) -> None:
        client: Any = redis.Redis.from_url(self.valkey.url())
        match self.condition:
            case "flushed":
                client.flushall()
            case "an old copy":
                # Everything is thrown away, and the file of the earlier moment loaded.
                client.execute_command("DEBUG", "RELOAD", "NOSAVE")
            case "another's":
                self._lie(client)
            case _:
                return

    def _lie(self, client: Any) -> None:
        """Each answer is another's now, as it may be in a Redis that does not belong to these books."""
        names = self.answers
        if names:
            values = client.mget(names)
            client.mset(dict(zip(names, values[1:] + values[:1], strict=True)))

    def begin(self, condition: str) -> None:
        self.condition = condition
        if condition == "stopped":
            self.valkey.stop()
        if condition == "an old copy":
            assert self.answers, "the rounds before have left nothing that could be restored"
            redis.Redis.from_url(self.valkey.url()).save()
        if condition == "delayed":
            self.proxy.delay_seconds = DELAY_SECONDS

    def end(self) -> None:
        if self.condition == "stopped":
            self.valkey.start()
        self.proxy.delay_seconds = 0.0


@pytest.fixture(scope="session")
def aside(servers: Servers) -> Iterator[RedisAside]:
    with SavingValkey("valkey-aside", servers.folder) as valkey, SlowProxy(valkey.port) as proxy:
        yield RedisAside(valkey, proxy)


@pytest.fixture(scope="session")
def gateway(servers: Servers, aside: RedisAside) -> Iterator[World]:
    url = aside.valkey.url().replace(f":{aside.valkey.port}/", f":{aside.proxy.port}/")
    with ExitStack() as stack:
        world = start_world(stack, servers, "conformance", REDIS_URL=url)
        BANK_URLS[world.url] = world.bank_url
        yield world


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
def shop(looking: World, condition: RedisAside) -> NewMerchant:
    return create_merchant("A shop")


@pytest.fixture
def api(looking: World, shop: NewMerchant) -> Client:
    return Client(looking.url, shop.keys["sk_test"])
