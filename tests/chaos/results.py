"""What came of the histories: counted by cell, shown, and written down as docs/chaos.md."""

import json
import subprocess
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.chaos.cells import WAYS, Cell, every_cell
from tests.chaos.history import Plan

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "docs" / "chaos.md"
# What the page is made of: the runs that it tells of.
RUNS = Path(__file__).with_name("runs.json")


@dataclass
class Results:
    seed: int
    histories: int = 0
    met: Counter[Cell] = field(default_factory=Counter)
    stories: Counter[str] = field(default_factory=Counter)
    disasters: Counter[str] = field(default_factory=Counter)
    bank_faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    # Nothing was found wrong in these, nor right: they ended before their books could be read.
    not_compared: list[str] = field(default_factory=list)

    def lived(self, plan: Plan, met: list[Cell]) -> None:
        self._count(plan)
        self.met.update(met)

    def broken(self, plan: Plan, error: Exception) -> None:
        self._count(plan)
        what = "".join(traceback.format_exception_only(error)).strip()
        into = self.failures if isinstance(error, AssertionError) else self.not_compared
        into.append(f"{plan}\n  {what}")

    def _count(self, plan: Plan) -> None:
        self.histories += 1
        self.stories.update(plan.stories)
        self.bank_faults.update(fault["fault"] for fault in plan.bank_faults)
        if plan.disaster:
            self.disasters[plan.disaster] += 1

    @property
    def never_met(self) -> list[Cell]:
        return [cell for cell in every_cell() if not self.met[cell]]

    def show(self, console: Console) -> None:
        console.print(
            f"{self.histories} histories, {sum(self.stories.values())} stories in them; {sum(self.met.values())} "
            f"faults met at {len(set(self.met))} of {len(every_cell())} cells; {len(self.failures)} broken, "
            f"{len(self.not_compared)} not compared."
        )
        for failure in (*self.failures, *self.not_compared):
            console.print(failure, style="red", markup=False, highlight=False)


def write_table(results: Results, *, add: bool = False) -> None:
    """From this run, or with `add` from those that the page tells of already and this one."""
    runs: list[dict[str, Any]] = json.loads(RUNS.read_text()) if add else []
    runs.append(
        {
            "commit": _commit(),
            "seed": results.seed,
            "histories": results.histories,
            "broken": len(results.failures),
            "not_compared": len(results.not_compared),
            "stories": sum(results.stories.values()),
            "disasters": results.disasters,
            "bank_faults": results.bank_faults,
            "met": {f"{cell.point} {cell.at} {cell.way}": times for cell, times in results.met.items()},
        }
    )
    RUNS.write_text(json.dumps(runs, indent=1, sort_keys=True) + "\n")
    TABLE.write_text("\n".join(_page(runs)) + "\n")


def met_before() -> Counter[Cell]:
    """In all runs that the page tells of."""
    return _met(json.loads(RUNS.read_text()))


def _met(runs: list[dict[str, Any]]) -> Counter[Cell]:
    met = Counter[Cell]()
    for run in runs:
        met.update({Cell(*name.split(" ")): times for name, times in run["met"].items()})
    return met


def _commit() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _page(runs: list[dict[str, Any]]) -> list[str]:
    met = _met(runs)
    known = [cell for cell in every_cell() if met[cell]]
    page = [
        "# Chaos",
        "",
        "`make chaos` runs the real processes, kills (`SIGKILL`), freezes (`SIGSTOP`, woken later) or delays them at",
        "every named step of the write path, and lets clients repeat their requests as an SDK does. Then three books",
        "are compared: what clients were told, what the banks did, what the ledger says. This page is written by",
        "`make chaos TABLE=1` from its results; `ADD=1` adds those of a further run.",
        "",
        *(
            f"- on commit {run['commit']}, from seed {run['seed']}: {run['histories']} histories, {run['broken']} of "
            f"them broken (doubled, lost or stuck), {run['not_compared']} not compared"
            for run in runs
        ),
        f"- {sum(run['stories'] for run in runs)} stories of merchants were lived through, and "
        f"{sum(met.values())} faults met, at {len(known)} of {len(every_cell())} cells",
        f"- whole servers killed besides: {_counted(runs, 'disasters')}",
        f"- faults of banks besides: {_counted(runs, 'bank_faults')}",
        "",
        "| step | at | killed | frozen | delayed |",
        "|---|---|---:|---:|---:|",
    ]
    for point, at in sorted({(cell.point, cell.at) for cell in every_cell()}):
        times_of = " | ".join(str(met[Cell(point, at, way)]) for way in WAYS)
        page.append(f"| `{point}` | `{at}` | {times_of} |")
    return page


def _counted(runs: list[dict[str, Any]], what: str) -> str:
    times = sum((Counter(run[what]) for run in runs), Counter[str]())
    return ", ".join(f"{name} {number}" for name, number in sorted(times.items())) or "none"
