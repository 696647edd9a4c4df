"""The short form of `make fuzz`: few examples, always the same ones."""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.fuzz.machine import Gateway
from tests.fuzz.world import Worlds

# Together they meet every kind of call, end and death (chosen by what they reach).
SEEDS = (1, 2)
SHORT = settings(
    max_examples=5,
    stateful_step_count=25,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("number", SEEDS)
@pytest.mark.timeout(300)
def test_nothing_breaks_whatever_happens(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(Gateway, "worlds", worlds, raising=False)
    seed(number)(get_state_machine_test(Gateway, settings=SHORT))()
