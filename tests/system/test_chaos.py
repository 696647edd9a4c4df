"""The short form of `make chaos`: the same histories with fixed seeds, on processes of their own."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings

from tests.chaos.cells import Cell
from tests.chaos.company import Company
from tests.chaos.history import live_through, plan
from tests.conftest import point_django_at
from tests.support.servers import Servers

# Spread over all cells; without the disasters that take a server's start to mend.
SEEDS = range(0, 267, 9)
SIDE_BY_SIDE = 15


@pytest.fixture(scope="module")
def company(servers: Servers, django_db_blocker: Any) -> Iterator[Company]:
    before = dict(settings.DATABASES["default"])
    with ExitStack() as stack, django_db_blocker.unblock():
        yield Company.open(stack, servers)
    point_django_at(before)


@pytest.mark.timeout(300)
def test_nothing_is_doubled_lost_or_stuck_whatever_dies_where(company: Company) -> None:
    def live(seed: int) -> list[Cell]:
        return live_through(company.rig, company.new_merchant(seed), replace(plan(seed), disaster=None))

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        met = Counter(cell for cells in pool.map(live, SEEDS) for cell in cells)
    assert len(met) >= len(SEEDS) // 2, f"the faults met nobody: {met}"
    assert company.verify() == []
