"""Shows what a merchant's charges cost, or makes the next version of it."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import TollgateError
from merchants.models import Merchant
from payments.fees import in_words
from payments.models import FeePlan
from payments.services.approved_fee_plan import STANDARD
from payments.services.fee_plans import set_fee_plan


class Command(BaseCommand):
    help = (
        "fee_plan acct_… shows the plan that holds; with --file, that JSON list of rules is the next version"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merchant", help=f"the merchant's id, acct_…, or {STANDARD}")
        parser.add_argument("--file", type=Path, help='[{"share_millionths": 29000, "fixed_minor": 30}]')
        parser.add_argument("--home", default="", help="the country whose cards are domestic, as DE")
        parser.add_argument("--reason", default="", help="why, for those who read it later")

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = self._merchant(options["merchant"])
        if options["file"] is not None:
            self._make(merchant, options)
        holds = (
            FeePlan.objects.filter(merchant=merchant).order_by("version").last()
            or FeePlan.objects.filter(merchant=None).order_by("version").last()
        )
        assert holds is not None
        self.stdout.write(f"{holds.public_id}: {holds}, since {holds.created_at:%Y-%m-%d %H:%M} UTC")
        for rule in holds.plan.rules:
            self.stdout.write(f"  {in_words(rule, holds.home_country)}")

    def _merchant(self, named: str) -> Merchant | None:
        if named == STANDARD:
            return None
        found = Merchant.objects.filter(public_id=named).first()
        if found is None:
            raise CommandError(f"No such merchant: {named}")
        return found

    def _make(self, merchant: Merchant | None, options: dict[str, Any]) -> None:
        if not options["reason"].strip():
            raise CommandError("A new plan needs a --reason.")
        try:
            rules = json.loads(options["file"].read_text(encoding="utf-8"))
            set_fee_plan(
                merchant, rules, home_country=options["home"], made_by="command", reason=options["reason"]
            )
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['file']} can't be read: {error}") from error
        except TollgateError as error:
            raise CommandError(error.message) from error
