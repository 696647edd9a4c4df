"""Takes a day's report in and says what is open: `manage.py reconcile`, for people and cron."""

import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from core.showing import age, money
from processors.protocol import NoReport
from reconciliation import kinds, queries
from reconciliation.formats.lines import FileRefused
from reconciliation.services.importing import import_report
from reconciliation.services.pulling import can_fetch, fetch
from reconciliation.services.rules import alerts_to_breaks
from reconciliation.terms import Terms, sources, terms_of


class Command(BaseCommand):
    help = "Compares a processor's report of a day with our books. Exit code 1 when something is open."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--processor", required=True, choices=sources(), help="or bank, for a statement")
        parser.add_argument("--date", type=_day, help="in UTC; default: yesterday")
        parser.add_argument(
            "--file", type=Path, help="the report; default: it is fetched, unless it is there"
        )

    def handle(self, *args: Any, processor: str, file: Path | None, **options: Any) -> None:
        day = options["date"] or datetime.now(UTC).date() - timedelta(days=1)
        terms = terms_of(processor)
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True)
        try:
            self._take_in(terms, day, file)
        except (FileRefused, NoReport, OSError) as error:
            raise CommandError(str(error)) from error
        alerts_to_breaks()
        files = list(queries.reports(processor, day))
        console.print(_totals([one.pk for one in files], processor, day))
        console.print(_completeness(day))
        console.print(_not_final(processor))
        still_open = queries.open_on(processor, day)
        for one in still_open.order_by("since")[:50]:
            console.print(
                f"{one.public_id}  {one.get_kind_display()}  {money(one.at_risk_minor, one.currency)}  "
                f"{one.reference}  {one.state}, {age(one.since)} old",
                markup=False,
                highlight=False,
            )
        if not files:
            raise CommandError(f"There is no report of {processor} of {day}.")
        if number := still_open.count():
            raise CommandError(f"{number} differences of {processor} are open until {day}.")

    def _take_in(self, terms: Terms, day: date, file: Path | None) -> None:
        with ExitStack() as stack:
            if file is not None:
                content: IO[bytes] = stack.enter_context(file.open("rb"))
            elif can_fetch(terms) and not queries.reports(terms.source, day).exists():
                content = stack.enter_context(fetch(terms, day))
            else:
                return
            progress = stack.enter_context(_progress())
            task = progress.add_task("reading", total=None, lines=0)
            import_report(
                content,
                terms=terms,
                name=file.name if file else f"{terms.source}-{day}",
                actor="manage.py reconcile",
                day=day,
                told=lambda stage, lines: progress.update(task, description=stage, lines=lines),
            )


def _progress() -> Progress:
    """On the error stream: what is printed can go to a file or a mail."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[lines]:,} lines"),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )


def _totals(files: list[int], processor: str, day: date) -> Table:
    table = Table(title=f"{processor}, {day}: {len(files)} report(s)", title_justify="left")
    for header in ("result", "lines", "gross", "fees"):
        table.add_column(header, justify="left" if header == "result" else "right")
    names = dict(kinds.RESULTS)
    for row in queries.totals(files):
        table.add_row(
            names[row.result],
            f"{row.lines:,}",
            money(row.gross_minor, row.currency),
            money(row.fee_minor, row.currency),
        )
    return table


def _completeness(day: date) -> Table:
    table = Table(title=f"Completeness of {day}", title_justify="left")
    for header in ("mode", "currency", "booked", "settled within a day", "share", "oldest unexplained"):
        table.add_column(header, justify="left" if header in ("mode", "currency") else "right")
    for row in queries.completeness(day, day):
        table.add_row(
            "live" if row.livemode else "test",
            row.currency.upper(),
            money(row.booked_minor, row.currency),
            money(row.within_a_day_minor, row.currency),
            row.share,
            age(row.oldest) if row.oldest else "none",
        )
    return table


def _not_final(processor: str) -> Table:
    table = Table(title="Not final yet, and older than minutes", title_justify="left")
    for header in ("what", "mode", "number", "amount", "oldest"):
        table.add_column(header, justify="left" if header in ("what", "mode") else "right")
    for row in queries.not_final(processor):
        table.add_row(
            row.kind,
            "live" if row.livemode else "test",
            f"{row.number:,}",
            money(row.amount_minor, row.currency),
            age(row.oldest),
        )
    return table


def _day(text: str) -> date:
    return date.fromisoformat(text)
