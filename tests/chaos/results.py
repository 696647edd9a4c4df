"""What came of the histories: counted by cell, shown, and written down as docs/chaos.md."""

import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from tests.chaos.cells import WAYS, Cell, every_cell
from tests.chaos.history import Plan

TABLE = Path(__file__).resolve().parent.parent.parent / "docs" / "chaos.md"


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


def write_table(results: Results) -> None:
    TABLE.write_text("\n".join(_page(results)) + "\n")


def _page(results: Results) -> list[str]:
    told = [
        "# Chaos",
        "",
        "`make chaos` runs the real processes, kills (`SIGKILL`), freezes (`SIGSTOP`, woken later) or delays them at",
        "every named step of the write path, and lets clients repeat their requests as an SDK does. Then three books",
        "are compared: what clients were told, what the banks did, what the ledger says. This page is written by",
        f"`make chaos TABLE=1` from its results; the last run began with seed {results.seed}.",
        "",
        f"- {results.histories} histories with {sum(results.stories.values())} stories of merchants in them, "
        f"{len(results.failures)} of them broken (doubled, lost or stuck), {len(results.not_compared)} not compared",
        f"- {sum(results.met.values())} faults were met, at {len(set(results.met))} of {len(every_cell())} cells",
        f"- whole servers killed besides: {_counted(results.disasters)}",
        f"- faults of banks besides: {_counted(results.bank_faults)}",
        "",
        "| step | at | killed | frozen | delayed |",
        "|---|---|---:|---:|---:|",
    ]
    places = sorted({(cell.point, cell.at) for cell in every_cell()})
    for point, at in places:
        runs = " | ".join(str(results.met[Cell(point, at, way)]) for way in WAYS)
        told.append(f"| `{point}` | `{at}` | {runs} |")
    return told


def _counted(what: Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in sorted(what.items())) or "none"
