"""The short form of `make fuzz`: few examples, always the same ones."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.fuzz.machine import Gateway
from tests.fuzz.world import Worlds
from tests.support.servers import Servers

SEEDS = (1, 2)
SHORT = settings(
    max_examples=5,
    stateful_step_count=25,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def worlds(servers: Servers, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with django_db_blocker.unblock():
        monkeypatch.setattr(Gateway, "worlds", Worlds(servers), raising=False)
        yield


@pytest.mark.parametrize("number", SEEDS)
@pytest.mark.timeout(300)
def test_nothing_breaks_whatever_happens(worlds: None, number: int) -> None:
    seed(number)(get_state_machine_test(Gateway, settings=SHORT))()
