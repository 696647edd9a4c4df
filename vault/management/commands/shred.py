"""`python -m vault shred card|merchant ID --reason …`: nothing of it can be decrypted afterwards, by anybody."""

import getpass
import sys
from argparse import ArgumentParser
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import track

from core.errors import ServiceUnavailable
from vault.services import shredding
from vault.services.shredding import CARD, MERCHANT, CanNotShred

LATER = "VAULT_REDIS_URL does not answer: security codes end by themselves, within a quarter of an hour."


class Command(BaseCommand):
    help = "Destroys a card, or all cards of a merchant, for ever."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=(CARD, MERCHANT))
        parser.add_argument("id", help="tok_… or pm_…, or acct_…")
        parser.add_argument("--reason", required=True, help="why; it is kept")
        parser.add_argument("--by", help="who; the login, unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True, highlight=False)
        by, reason, subject = (
            (options["by"] or getpass.getuser()).strip(),
            options["reason"].strip(),
            options["id"],
        )
        if not by or not reason:
            raise CommandError("--reason and --by must say something.")
        if sys.stdin.isatty():
            console.print(f"This can not be undone. Type {subject} to go on:")
            if input().strip() != subject:
                raise CommandError("Nothing was done.")
        try:
            (_card if options["kind"] == CARD else _merchant)(console, subject, by, reason)
        except CanNotShred as error:
            raise CommandError(error.message) from None


def _card(console: Console, public_id: str, by: str, reason: str) -> None:
    shredded = shredding.shred_card(public_id, by=by, reason=reason)
    console.print(f"Shredded: {', '.join(shredded.gone)}.")
    _forget_codes(console, shredded.gone)
    if shredded.alike:
        others = ", ".join(shredded.alike)
        console.print(f"The same number is also in {others}; shred those too if it must be gone.")


def _merchant(console: Console, merchant: str, by: str, reason: str) -> None:
    shredding.shred_merchant_key(merchant, by=by, reason=reason)
    ids = shredding.rest_of(merchant)
    gone = list[str]()
    batches = shredding.empty_cards(ids)
    steps = -(-len(ids) // shredding.BATCH)
    quiet = not console.is_terminal
    for batch in track(batches, "cards", total=steps, console=console, transient=True, disable=quiet):
        gone += batch
    shredding.forget_answers(merchant)
    console.print(f"Shredded: the keys of {merchant}, and {len(gone)} cards. New ones are not taken in.")
    _forget_codes(console, gone)


def _forget_codes(console: Console, public_ids: list[str]) -> None:
    try:
        for start in range(0, len(public_ids), shredding.BATCH):
            shredding.forget_codes(public_ids[start : start + shredding.BATCH])
    except ServiceUnavailable:
        console.print(LATER)
