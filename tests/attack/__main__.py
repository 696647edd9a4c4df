"""`make attack`: honest shoppers and three kinds of thieves pay at a real gateway with nothing but the rules that it
is shipped with; prints whom these caught, and whom they stopped wrongly."""

import argparse
import os
import sys
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.attack.settings")

import django
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sandbox.purses import let_pay, table
from sandbox.traffic import Town

SEEDS = (7, 2026)
HONEST = 120


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--honest", type=int, default=HONEST)
    options = parser.parse_args()
    django.setup()
    # Only now: its models need the settings.
    from tests.attack.gateway import opened

    console = Console(soft_wrap=True)
    columns = (TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        shown = stack.enter_context(Progress(*columns, console=console))
        new_shop = opened(stack)
        for seed in options.seeds:
            journeys = Town(seed).journeys(options.honest)
            bar = shown.add_task(f"seed {seed}", total=len(journeys))
            tallies = let_pay(new_shop(), journeys, progress=lambda bar=bar: shown.advance(bar))  # type: ignore[misc]
            console.print(f"Seed {seed}", style="bold")
            for line in table(tallies):
                console.print(line, markup=False, highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
