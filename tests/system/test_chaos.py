"""The short form of `make chaos`: the same histories with fixed seeds, on processes of their own. And that it tries
every step of the write path, at every endpoint."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings

from tests.chaos.cells import ELSEWHERE, WITHOUT_STORY, Cell, every_cell
from tests.chaos.company import Company
from tests.chaos.history import live_through, plan
from tests.chaos.labels import label
from tests.chaos.later import STORIES
from tests.conftest import point_django_at
from tests.idempotency.routes import PASSED_TO_THE_VAULT, routes, somewhere
from tests.support.servers import ROOT, Servers

POINT = re.compile(r'= fault_point\("([^"]+)"\)')
# Spread over all cells; without what takes a server's start, or a dead worker's leases, to mend.
SEEDS = [
    seed
    for seed in range(0, len(every_cell()), 27)
    if not any((cell.at, cell.way) == ("worker", "kill") for cell in plan(seed).cells)
]


@pytest.fixture(scope="module")
def company(servers: Servers, django_db_blocker: Any) -> Iterator[Company]:
    before = dict(settings.DATABASES["default"])
    with ExitStack() as stack, django_db_blocker.unblock():
        yield Company.open(stack, servers, webs=2)
    point_django_at(before)


def test_every_endpoint_that_changes_anything_has_a_story_and_faults() -> None:
    """A card that is taken in is the vault's own affair: it has points of its own."""
    endpoints = {label(somewhere(route)) for route in routes() if route not in PASSED_TO_THE_VAULT}
    told = frozenset[str]().union(*(passes for _, passes in STORIES.values()))
    assert endpoints - told == set(WITHOUT_STORY), "tell a story of it in tests/chaos"
    assert endpoints - {cell.at for cell in every_cell()} == set(WITHOUT_STORY)


def test_every_named_step_is_tried() -> None:
    named = {point for source in ROOT.glob("[!.]*/**/*.py") for point in POINT.findall(source.read_text())}
    tried = {cell.point for cell in every_cell()}
    assert tried | set(ELSEWHERE) == named
    assert not tried & set(ELSEWHERE)


@pytest.mark.timeout(900)
def test_nothing_is_doubled_lost_or_stuck_whatever_dies_where(company: Company) -> None:
    def live(seed: int) -> list[Cell]:
        return live_through(company.rig, company.new_merchant(seed), replace(plan(seed), disaster=None))

    with ThreadPoolExecutor(len(SEEDS)) as pool:
        met = Counter(cell for cells in pool.map(live, SEEDS) for cell in cells)
    assert len(met) >= len(SEEDS) // 2, f"the faults met nobody: {met}"
    assert company.verify() == []
