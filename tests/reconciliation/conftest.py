"""A real gateway with a real bank, whose days the tests close; and this process on the same books."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from merchants.services import create_merchant
from tests.console.world import start_world
from tests.reconciliation.desk import Desk, processor_at
from tests.support.client import Client
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def desk(servers: Servers, django_db_blocker: Any, request: pytest.FixtureRequest) -> Iterator[Desk]:
    name = request.module.__name__.rpartition(".")[2]
    with ExitStack() as stack:
        world = start_world(stack, servers, name)
        stack.enter_context(processor_at(world.bank_url))
        with django_db_blocker.unblock(), world.looked_at():
            yield Desk(world)


@pytest.fixture(scope="module")
def api(desk: Desk) -> Client:
    return Client(desk.world.url, create_merchant("A shop").keys["sk_test"])
