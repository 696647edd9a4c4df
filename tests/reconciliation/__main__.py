"""`make reconcile-day`: fifty thousand payments of one day through the API, errors of every kind in the bank's file.
Exit code 1 when one of them is not found with its type, one is invented, or the books do not come out even."""

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import call_command
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.support.servers import start_servers

PAYMENTS = 50_000
EACH = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reconciliation", description=__doc__)
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--each", type=int, default=EACH, help="errors of each kind")
    options = parser.parse_args()
    django.setup()
    console = Console(soft_wrap=True)
    columns = (TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        shown = stack.enter_context(Progress(*columns, console=console, disable=not console.is_terminal))
        return _run(options, console, shown, stack)


def _run(options: argparse.Namespace, console: Console, shown: Progress, stack: ExitStack) -> int:
    # Only now: its models need the settings.
    from merchants.services import create_merchant
    from tests.console.world import start_world
    from tests.reconciliation import day as days
    from tests.reconciliation.desk import Desk, processor_at
    from tests.support.client import Client

    bar = shown.add_task("starting", total=options.payments)

    def progress(what: str, number: int) -> None:
        shown.update(bar, description=what, completed=number)

    world = start_world(stack, start_servers(stack), "reconcile_day", PROCESSOR_TIMEOUT_SECONDS="60")
    stack.enter_context(processor_at(world.bank_url))
    stack.enter_context(world.looked_at())
    api = Client(world.url, create_merchant("A shop").keys["sk_test"])
    began = time.monotonic()
    day = days.make_day(Desk(world), api, payments=options.payments, each=options.each, progress=progress)
    made = time.monotonic()
    imported = days.take_in(day.desk, day.file, told=progress)
    taken = time.monotonic()
    found, expected = days.found(), day.expected()
    console.print(_table(found, expected))
    console.print(
        f"{day.payments:,} payments, {day.refunds:,} refunds and {day.disputes} disputes made in "
        f"{made - began:.0f} s; {imported.file.line_count:,} lines read, compared and booked in "
        f"{taken - made:.1f} s.",
        highlight=False,
    )
    if found != expected:
        console.print(
            f"not found: {expected - found}; invented: {found - expected}", style="red", markup=False
        )
        return 1
    progress("the next day", options.payments)
    days.next_day(day)
    worked = days.work_off()
    days.check_settled(day)
    days.check_bank_account(day)
    progress("verifying the ledger", options.payments)
    call_command("verify_ledger", "--quiet")
    console.print(
        f"{worked} breaks worked off by people, the others by rules. The trial balance is zero, nothing is in "
        "suspense, clearing is what the bank still owes, and its statements have cleared what was in transit.",
        highlight=False,
    )
    return 0


def _table(found: Counter[tuple[str, str]], expected: Counter[tuple[str, str]]) -> Table:
    table = Table(title="Errors by type", title_justify="left")
    for header in ("type", "injected", "found", "of them right"):
        table.add_column(header, justify="left" if header == "type" else "right")
    for kind in sorted({kind for _, kind in found + expected}):
        numbers = [
            sum(times for (_, what), times in each.items() if what == kind)
            for each in (expected, found, expected & found)
        ]
        table.add_row(kind.replace("_", " "), *map(str, numbers))
    return table


if __name__ == "__main__":
    sys.exit(main())
