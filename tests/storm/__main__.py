"""`make storm`: twenty thousand events while relay, workers, beat and Redis are killed at random. Exit code 1 when
one was lost, invented, or out of order."""

import argparse
import logging
import os
import sys
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.support.servers import start_servers

EVENTS = 20_000
PER_SECOND = 200.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--per-second", type=float, default=PER_SECOND)
    options = parser.parse_args()
    django.setup()
    # That the broker is away is what this is about.
    logging.getLogger("tollgate.webhooks").setLevel(logging.ERROR)
    console = Console(soft_wrap=True)
    columns = (TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        shown = stack.enter_context(Progress(*columns, console=console))
        return _run(options, console, shown, stack)


def _run(options: argparse.Namespace, console: Console, shown: Progress, stack: ExitStack) -> int:
    # Only now: its models need the settings.
    from tests.storm.storm import Lost, in_a_storm

    bar = shown.add_task("starting", total=options.events)

    def progress(what: str, number: int) -> None:
        shown.update(bar, description=what, completed=max(number, 0))

    try:
        told = in_a_storm(
            start_servers(stack), events=options.events, per_second=options.per_second, progress=progress
        )
    except Lost as error:
        console.print(str(error), style="red", markup=False)
        return 1
    kills = ", ".join(f"{name} {times}×" for name, times in sorted(told.kills.items()))
    console.print(
        f"{told.committed} events committed and {told.rolled_back} rolled back in {told.seconds:.0f} s; "
        f"killed: {kills}. Each committed one arrived at both endpoints, in "
        f"{told.arrivals} requests; no other did; order was kept."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
