"""Prints the end of the chain of seals: `manage.py seal_heads >> heads.txt`, to a place that whoever can change the
database can not change."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.seal_check import head
from ledger.seals import seal_all


class Command(BaseCommand):
    help = "Prints number and hash of the last seal, for `verify_ledger --anchor FILE`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seal", action="store_true", help="seal first what is not sealed yet")

    def handle(self, *args: Any, seal: bool = False, **options: Any) -> None:
        if seal:
            seal_all()
        last = head()
        if last is None:
            raise CommandError("Nothing is sealed yet.")
        self.stdout.write(str(last))
