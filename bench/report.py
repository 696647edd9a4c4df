"""What a run says: while it runs, at its end, and to other programs."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

Results = Mapping[str, Mapping[str, float]]


class Stages:
    """One bar for each stage of known length. A file gets a line for each instead."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console = console
        self.progress = progress
        self._ends = threading.Event()

    def stage(self, title: str, seconds: float) -> None:
        self.finish()
        if not self.console.is_terminal:
            self.console.print(f"{title}: {seconds:.0f} s" if seconds else title)
        task = self.progress.add_task(title, total=seconds or None)
        self._ends = ends = threading.Event()
        threading.Thread(target=self._fill, args=(task, seconds, ends), daemon=True).start()

    def finish(self) -> None:
        self._ends.set()

    def _fill(self, task: TaskID, seconds: float, ends: threading.Event) -> None:
        began = time.monotonic()
        while not ends.wait(0.5):
            if seconds:
                self.progress.update(task, completed=min(time.monotonic() - began, seconds))
        self.progress.update(task, total=seconds or 1, completed=seconds or 1)


@contextmanager
def progress(console: Console) -> Iterator[Stages]:
    columns = (TextColumn("{task.description:18}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, refresh_per_second=2, disable=not console.is_terminal) as shown:
        stages = Stages(console, shown)
        try:
            yield stages
        finally:
            stages.finish()


def show(console: Console, results: Results) -> None:
    table = Table(title="Tollgate", title_justify="left")
    table.add_column("scenario")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for scenario, figures in results.items():
        for metric, value in figures.items():
            table.add_row(scenario, metric, _readable(value))
        table.add_section()
    console.print(table)


def write(path: Path, results: Results) -> None:
    rows = [
        {"scenario": scenario, "metric": metric, "value": round(value, 4)}
        for scenario, figures in results.items()
        for metric, value in figures.items()
    ]
    path.write_text(json.dumps(rows, indent=2) + "\n")


def _readable(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
