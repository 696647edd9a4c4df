"""Writes a merchant's month as PDF and CSV."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.spreadsheet import csv_pieces
from merchants.models import Merchant
from payments.statement import Month, StatementDisagrees, statement
from payments.statement_files import COLUMNS, csv_rows, pdf


class Command(BaseCommand):
    help = "Writes a merchant's month as PDF and CSV, which agree with the ledger: statement acct_… 2026-10"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merchant", help="the merchant's id, acct_…")
        parser.add_argument("month", help="in UTC, such as 2026-10")
        parser.add_argument("--mode", choices=["live", "test"], default="live")
        parser.add_argument("--folder", type=Path, default=Path(), help="where the files go; here by default")

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = Merchant.objects.filter(public_id=options["merchant"]).first()
        if merchant is None:
            raise CommandError(f"No such merchant: {options['merchant']}")
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"No such folder: {folder}")
        try:
            made = statement(merchant, Month.of(options["month"]), livemode=options["mode"] == "live")
        except (ValueError, StatementDisagrees) as error:
            raise CommandError(str(error)) from error
        (folder / f"{made.name}.pdf").write_bytes(pdf(made))
        with (folder / f"{made.name}.csv").open("w", encoding="utf-8", newline="") as file:
            file.writelines(csv_pieces(COLUMNS, csv_rows(made)))
        state = "final" if made.final else "preliminary: the month is not closed yet"
        self.stdout.write(f"{made.name}.pdf and .csv, {state}")
