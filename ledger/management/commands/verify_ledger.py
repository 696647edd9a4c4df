"""Proves the books, or says which transaction is wrong: `manage.py verify_ledger`, for people and cron."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from rich.console import Console
from rich.table import Table

from ledger.checks import Finding, registered, title
from ledger.lines import amount_text
from ledger.queries import CurrencyTotals, currency_totals


class Command(BaseCommand):
    help = "Proves that every transaction balances and that the books are whole. Exit code 1 when not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print only what is wrong")

    def handle(self, *args: Any, quiet: bool = False, **options: Any) -> None:
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True)
        results: dict[str, list[Finding]] = {}
        # One snapshot, so that checks that compare tables see them at the same moment, while charges go on.
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for check in registered():
                results[title(check)] = list(check())
            totals = [] if quiet else currency_totals()
        if not quiet:
            console.print(_balance_table(totals))
            console.print(_result_table(results))
        findings = [finding for found in results.values() for finding in found]
        for finding in findings:
            console.print(f"{finding.subject}: {finding.message}", markup=False, highlight=False)
        if findings:
            raise CommandError(f"The books are broken: {len(findings)} findings.")


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
