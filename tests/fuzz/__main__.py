"""`make fuzz`: the state machine of the payments, for at least ten thousand steps. Prints its seed; `make fuzz
SEED=…` goes the same way again."""

import argparse
import logging
import os
import secrets
import sys
import time
import traceback
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.test.utils import setup_test_environment
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.support.servers import start_servers

LEAST_STEPS = 10_000
STEPS_PER_EXAMPLE = 40
# A round has a seed of its own: a failure is found again by its round alone.
EXAMPLES_PER_ROUND = 25
SEEDS = 2**32


def main() -> int:
    options = _options()
    console = Console(soft_wrap=True)
    console.print(
        f"seed {options.seed}: the same way again with `make fuzz SEED={options.seed}`", style="bold"
    )
    _prepare(options.shrink)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        console=console,
    )
    with ExitStack() as stack:
        return _run(options, console, stack.enter_context(progress), stack)


def _run(options: argparse.Namespace, console: Console, progress: Progress, stack: ExitStack) -> int:
    # Only now: its models need the settings.
    from tests.fuzz.machine import Gateway
    from tests.fuzz.world import Worlds

    bar = progress.add_task("starting the servers", total=options.steps)
    Gateway.worlds = Worlds(start_servers(stack))
    Gateway.watchers.append(lambda: progress.advance(bar))
    started, number = time.monotonic(), options.seed
    while not progress.finished:
        progress.update(bar, description=f"seed {number}")
        try:
            seed(number)(get_state_machine_test(Gateway, settings=_round(options.shrink)))()
        except Exception as error:
            progress.stop()
            console.print("".join(traceback.format_exception(error)), markup=False, highlight=False)
            console.print(f"Broken. Again with: make fuzz SEED={number}", style="bold red")
            return 1
        number += 1
    steps, seconds = int(progress.tasks[bar].completed), time.monotonic() - started
    progress.stop()
    console.print(f"{steps} steps in {seconds:.0f} s, {steps / seconds:.0f} a second: nothing broke.")
    return 0


def _round(shrink: bool) -> settings:
    return settings(
        max_examples=EXAMPLES_PER_ROUND,
        stateful_step_count=STEPS_PER_EXAMPLE,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck),
    )


def _prepare(shrink: bool) -> None:
    django.setup()
    setup_test_environment()
    # What goes wrong on purpose is no news.
    logging.disable(logging.CRITICAL)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(SEEDS), help="of the first round")
    parser.add_argument("--steps", type=int, default=LEAST_STEPS, help="at least so many")
    parser.add_argument(
        "--no-shrink", dest="shrink", action="store_false", help="show a failure as it was found, at once"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
