"""Proves the books, or says which transaction is wrong: `manage.py verify_ledger`, for people and cron."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.models import Sum
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.showing import age
from ledger.checks import Finding, registered, summed_totals, title
from ledger.lines import amount_text
from ledger.models import LedgerSeal
from ledger.queries import CurrencyTotals
from ledger.seal_check import AnchorInvalid, Head, read_heads, wrong_seals
from ledger.seals import Tail, unsealed


class Command(BaseCommand):
    help = "Proves that every transaction balances and that the books are whole. Exit code 1 when not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print only what is wrong")
        parser.add_argument(
            "--anchor", type=Path, metavar="FILE", help="compare with heads that `seal_heads` printed"
        )

    def handle(self, *args: Any, quiet: bool = False, anchor: Path | None = None, **options: Any) -> None:
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True)
        try:
            heads = read_heads(anchor) if anchor else []
        except (AnchorInvalid, OSError) as error:
            raise CommandError(str(error)) from None
        with _one_moment():
            results = {title(check): list(check()) for check in registered()}
            totals = [] if quiet else summed_totals()
        with _one_moment():
            tail = unsealed()
            results["seals match their entries"] = _seal_findings(heads, console, quiet=quiet)
        if not quiet:
            console.print(_balance_table(totals))
            console.print(_result_table(results))
            console.print(_tail_text(tail), highlight=False)
        findings = [finding for found in results.values() for finding in found]
        for finding in findings:
            console.print(f"{finding.subject}: {finding.message}", markup=False, highlight=False)
        if findings:
            raise CommandError(f"The books are broken: {len(findings)} findings.")


@contextmanager
def _one_moment() -> Iterator[None]:
    """One snapshot, so that checks that compare tables see them at the same moment, while charges go on."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _seal_findings(heads: list[Head], console: Console, *, quiet: bool) -> list[Finding]:
    sealed = LedgerSeal.objects.aggregate(entries=Sum("entries"))["entries"] or 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("sealed entries", total=sealed)
        return list(wrong_seals(heads, lambda entries: progress.advance(task, entries)))


def _tail_text(tail: Tail) -> str:
    if not tail.transactions or tail.oldest is None:
        return "Everything that is booked is sealed."
    return f"Not sealed yet: {tail.transactions:,} transactions, the oldest booked {age(tail.oldest)} ago."


def _balance_table(totals: Iterable[CurrencyTotals]) -> Table:
    table = Table(title="Trial balance", title_justify="left")
    for header in ("mode", "currency"):
        table.add_column(header)
    for header in ("accounts", "entries", "debit", "credit", "difference"):
        table.add_column(header, justify="right")
    for row in totals:
        table.add_row(
            "live" if row.livemode else "test",
            row.currency.upper(),
            f"{row.accounts:,}",
            f"{row.entries:,}",
            *(amount_text(amount, row.currency) for amount in (row.debit, row.credit, row.balance)),
        )
    return table


def _result_table(results: dict[str, list[Finding]]) -> Table:
    table = Table(title="Checks", title_justify="left")
    table.add_column("check")
    table.add_column("result")
    for name, findings in results.items():
        table.add_row(name, f"[red]{len(findings)} wrong[/red]" if findings else "[green]ok[/green]")
    return table
