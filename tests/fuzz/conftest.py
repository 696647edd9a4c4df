"""Worlds for tests: each on a fresh database, with banks that misbehave as they are told."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fuzz.world import World, Worlds
from tests.support.servers import Servers


@pytest.fixture
def worlds(servers: Servers, django_db_blocker: Any) -> Iterator[Worlds]:
    with django_db_blocker.unblock():
        yield Worlds(servers)


@pytest.fixture
def world(worlds: Worlds) -> Iterator[World]:
    with worlds.open() as opened:
        opened.look()
        yield opened
