"""One history: a seed, a few merchants' stories at once, and what goes wrong meanwhile. The same seed makes the same
plan; how its processes interleave is theirs."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import urllib3

from tests.chaos.books import Merchant, check_books
from tests.chaos.cells import ANSWERING, DISPUTE, REPEATS, Cell, every_cell
from tests.chaos.later import STORIES, stories_past
from tests.chaos.rig import Rig
from tests.chaos.shopper import Shopper

MOST_STORIES = 4
BANK_FAULTS = (
    "drop",
    "drop_after",
    "error_before",
    "error_after",
    "no_answer",
    "refused",
    "latency",
    "late_arrival",
)
KINDS = ("authorize", "complete", "capture", "void", "refund", "payout", "evidence", "accept")
# Shares of the histories in which it happens.
DISASTERS = {"postgres": 0.02, "redis": 0.025, "worker": 0.025, "vault": 0.02, "bank": 0.02, "web": 0.03}
SECOND_FAULT = 0.4
BANK_FAULT = 0.35


@dataclass(frozen=True)
class Plan:
    seed: int
    stories: tuple[str, ...]
    cells: tuple[Cell, ...]
    bank_faults: tuple[dict[str, Any], ...]
    disaster: str | None

    def __str__(self) -> str:
        wrongs = [*map(str, self.cells), *(str(fault) for fault in self.bank_faults)]
        wrongs += [f"{self.disaster} dies"] if self.disaster else []
        return f"seed {self.seed}: {', '.join(self.stories)}; {'; '.join(wrongs) or 'nothing goes wrong'}"


def cell_of(seed: int) -> Cell:
    """Seeds that follow one another go through all cells in turn."""
    cells = every_cell()
    return cells[seed % len(cells)]


def plan(seed: int) -> Plan:
    dice, cells = random.Random(seed), every_cell()
    chosen = [cell_of(seed)]
    if dice.random() < SECOND_FAULT:
        chosen.append(dice.choice(cells))
    chosen += [crash for cell in chosen if (crash := _crash_before(cell))]
    stories = [dice.choice(stories_past(cell)) for cell in chosen]
    stories += dice.choices(sorted(STORIES), k=max(0, dice.randint(2, MOST_STORIES) - len(stories)))
    faults = [_bank_fault(dice)] if dice.random() < BANK_FAULT else []
    if any(cell.point.startswith("fail_over") for cell in chosen):
        faults.append({"fault": "refused", "match": {"kind": "authorize"}, "times": 1})
    return Plan(seed, tuple(stories), tuple(dict.fromkeys(chosen)), tuple(faults), _disaster(dice))


def _crash_before(cell: Cell) -> Cell | None:
    """What needs another fault first, before anybody passes it: a take-over, a claim whose owner died; the worker,
    work that no client finishes."""
    if cell.point in REPEATS and cell.at != "worker":
        return Cell(
            "dispute.after_words" if cell.at in ANSWERING else "processor.after_answer", cell.at, "kill"
        )
    if cell.at == "worker" and cell.point in (*DISPUTE, "look_after_disputes.after_claim"):
        return Cell("dispute.after_words", "disputes.id", "kill")
    return None


def _bank_fault(dice: random.Random) -> dict[str, Any]:
    fault: dict[str, Any] = {
        "fault": dice.choice(BANK_FAULTS),
        "match": {"kind": dice.choice(KINDS)},
        "times": 1,
    }
    if fault["fault"] in ("latency", "late_arrival", "no_answer"):
        fault["seconds"] = round(dice.uniform(0.5, 3), 1)
    return fault


def _disaster(dice: random.Random) -> str | None:
    for name, share in DISASTERS.items():
        if dice.random() < share:
            return name
    return None


def live_through(rig: Rig, merchant: Merchant, given: Plan) -> list[Cell]:
    """Runs the history, waits for its end, compares the books; the cells that somebody met. AssertionError where
    anything is doubled, lost or stuck."""
    dice, over = random.Random(given.seed), threading.Event()
    with rig.alone_at(given.cells):
        watcher = threading.Thread(
            target=_wake_and_mend, args=(rig, given, dice.uniform(1, 6), over), daemon=True
        )
        watcher.start()
        try:
            check_books(rig, merchant, _act(rig, merchant, given, dice))
        finally:
            over.set()
            watcher.join()
            met = [cell for cell in given.cells if rig.was_met(cell)]
            for cell in given.cells:
                rig.forget(cell)
    return met


def _act(rig: Rig, merchant: Merchant, given: Plan, dice: random.Random) -> list[Shopper]:
    """Gives the orders for what is to go wrong, and lets the stories begin."""
    shoppers = [Shopper(rig, merchant.key, random.Random(dice.getrandbits(64))) for _ in given.stories]
    # A bank that another history has just killed has no ear for it.
    with suppress(urllib3.exceptions.HTTPError):
        for fault in given.bank_faults:
            rig.controls()[0].fault(**fault)
    for cell in given.cells:
        rig.order(cell, seconds=round(dice.uniform(0.3, 2.5), 1))
    with ThreadPoolExecutor(len(shoppers) + 1) as pool:
        acts: list[Callable[[], None]] = [
            lambda name=name, shopper=shopper: STORIES[name][0](shopper)  # type: ignore[misc]
            for name, shopper in zip(given.stories, shoppers, strict=True)
        ]
        told = [pool.submit(act) for act in acts]
        if given.disaster:
            _strike(rig, given.disaster, dice.uniform(0, 0.6))
        for one in told:
            one.result()
    return shoppers


def _wake_and_mend(rig: Rig, given: Plan, asleep_seconds: float, over: threading.Event) -> None:
    """Frozen processes wake up after a while; whole servers that ended are started again."""
    while not over.wait(0.1):
        for cell in given.cells:
            rig.wake(cell, after_seconds=asleep_seconds)
        with suppress(RuntimeError):
            rig.mend()


def _strike(rig: Rig, disaster: str, after_seconds: float) -> None:
    time.sleep(after_seconds)
    match disaster:
        case "postgres":
            rig.restart_postgres()
        case "redis":
            rig.lose_redis()
        case "worker":
            rig.kill(rig.worker)
        case "vault":
            rig.kill(rig.vault)
        case "bank":
            rig.kill(rig.banks[0])
        case "web":
            rig.kill(rig.webs[0])
        case other:
            raise ValueError(f"no such disaster: {other}")
