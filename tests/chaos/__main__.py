"""`make chaos`: histories of real processes that are killed, frozen and delayed at every step of the write path. Each
has a seed; `make chaos SEED=… HISTORIES=1` lives through it again."""

import argparse
import logging
import os
import secrets
import sys
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.aim import Aim
from tests.chaos.cells import Cell
from tests.chaos.history import plan
from tests.chaos.results import Results, met_before, write_table
from tests.support.servers import start_servers

HISTORIES = 1_200
# Most of a history is waiting for leases and deadlines: some are lived through side by side.
SIDE_BY_SIDE = 32
VERIFY_EVERY = 100
# To a file, which shows no bar.
SAY_EVERY = 25
SEEDS = 2**31


def main() -> int:
    options = _options()
    console = Console(soft_wrap=True)
    console.print(f"The first history has seed {options.seed}.", style="bold")
    django.setup()
    logging.disable(logging.CRITICAL)
    results = Results(options.seed)
    with ExitStack() as stack:
        try:
            _run(options, console, stack, results)
        except KeyboardInterrupt:
            console.print("Interrupted.", style="bold red")
    results.show(console)
    if options.table:
        write_table(results, add=options.add)
        console.print("The table is in docs/chaos.md.")
    return 1 if results.failures or results.not_compared else 0


def _run(options: argparse.Namespace, console: Console, stack: ExitStack, results: Results) -> None:
    # Only now: its models need the settings.
    from tests.chaos.company import Company

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = stack.enter_context(Progress(*columns, console=console, refresh_per_second=2))
    bar = progress.add_task("starting the servers", total=options.histories)
    company = Company.open(stack, start_servers(stack))
    aim, left = Aim(options.seed, met_before() if options.add else Counter()), options.histories
    with ThreadPoolExecutor(options.side_by_side) as pool:
        running: dict[Future[list[Cell]], int] = {}
        while True:
            while len(running) < options.side_by_side and left:
                number, left = aim.next_seed(), left - 1
                running[pool.submit(company.live, number)] = number
            if not running:
                break
            over, _ = wait(running, return_when=FIRST_COMPLETED)
            for one in over:
                aim.met(_note(one, running.pop(one), console, results))
                doubt = f", {len(results.failures)} broken" if results.failures else ""
                progress.update(bar, advance=1, description=f"histories{doubt}")
                if results.histories % SAY_EVERY == 0 and not console.is_terminal:
                    console.print(f"{results.histories} histories{doubt}")
                if results.histories % VERIFY_EVERY == 0:
                    results.failures += company.verify()
        results.failures += company.verify()


def _note(one: Future[list[Cell]], number: int, console: Console, results: Results) -> list[Cell]:
    """The cells that were met."""
    try:
        met = one.result()
        results.lived(plan(number), met)
        return met
    except Exception as error:
        results.broken(plan(number), error)
        console.print(f"Broken: {plan(number)}\n{error!r}", style="red", markup=False, highlight=False)
        console.print(f"Again with: make chaos SEED={number} HISTORIES=1", style="bold red")
        return []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(SEEDS), help="of the first history")
    parser.add_argument("--histories", type=int, default=HISTORIES)
    parser.add_argument("--side-by-side", type=int, default=SIDE_BY_SIDE)
    parser.add_argument("--table", action="store_true", help="write docs/chaos.md from the results")
    parser.add_argument(
        "--add", action="store_true", help="to the table of earlier runs, at the cells that these met least"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
