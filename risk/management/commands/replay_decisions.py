"""`manage.py replay_decisions --since TIME`: proves that past decisions come out as they did, or says what today's
rules would change."""

from argparse import ArgumentParser
from datetime import datetime
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.arguments import moment
from risk.models import Decision
from risk.replay import Changes, Difference, Past, between, changed_most, in_batches, kinds

MODES = {"live": True, "test": False, "both": None}
SHOWN = 20


class Command(BaseCommand):
    help = (
        "Judges the payments of a time again, by the facts, rules and models that their decisions name. Exit code 1 "
        "when one comes out otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=moment, required=True, help="in UTC, such as 2026-11-01")
        parser.add_argument("--until", type=moment, help="now, unless given")
        parser.add_argument("--mode", choices=MODES, default="both")
        parser.add_argument(
            "--rules",
            choices=["stored", "current"],
            default="stored",
            help="current: shows what the live rules and the live model of today would change",
        )

    def handle(self, *args: Any, since: datetime, until: datetime | None, **options: Any) -> None:
        until = until or timezone.now()
        if since >= until:
            raise CommandError("--since must come before --until.")
        decisions = between(since, until, livemode=MODES[options["mode"]])
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True)
        if not decisions.exists():
            raise CommandError(
                f"No payment was judged from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}."
            )
        if options["rules"] == "current":
            _show_changes(console, decisions)
        else:
            _prove(console, decisions)


def _prove(console: Console, decisions: QuerySet[Decision]) -> None:
    past, seen, found = Past(), 0, list[Difference]()
    for batch in _shown(console, decisions):
        found += [one for decision in batch for one in past.differences(decision)]
        seen += len(batch)
    for difference in found[:SHOWN]:
        console.print(str(difference), markup=False, highlight=False)
    if found:
        wrong = len({difference.decision.pk for difference in found})
        what = ", ".join(f"{name} {times} times" for name, times in kinds(found).most_common())
        raise CommandError(f"{wrong:,} of {seen:,} decisions come out otherwise: {what}.")
    console.print(f"All {seen:,} decisions come out as they did.", highlight=False)


def _show_changes(console: Console, decisions: QuerySet[Decision]) -> None:
    changes = Changes()
    for batch in _shown(console, decisions):
        changes.add(batch)
    changed = sum(change.payments for change in changes.by_verdict.values())
    table = Table(title=f"{changed:,} of {changes.seen:,} verdicts would change", title_justify="left")
    for header in ("was", "would be"):
        table.add_column(header)
    for header in ("payments", "of these paid", "of these disputed or fraud"):
        table.add_column(header, justify="right")
    for (was, would_be), change in changed_most(changes):
        table.add_row(was, would_be, f"{change.payments:,}", f"{change.paid:,}", f"{change.bad:,}")
    console.print(table)
    if changes.errors:
        console.print(
            f"Of {changes.errors:,} payments a rule asks what was not known then; it matches none of them.",
            highlight=False,
        )


def _shown(console: Console, decisions: QuerySet[Decision]) -> Any:
    """The decisions in batches, while a bar moves."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("decisions", total=decisions.count())
        for batch in in_batches(decisions):
            yield batch
            progress.advance(task, len(batch))
