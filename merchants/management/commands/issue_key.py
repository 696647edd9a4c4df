"""`manage.py issue_key acct_… rk_test --may charges:read`: one more key of a merchant, as JSON, shown this once."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import InvalidRequest
from merchants.forms import KINDS
from merchants.models import Merchant
from merchants.scopes import RESOURCES
from merchants.services import issue_key

BY_PREFIX = {prefix.rstrip("_"): (kind, livemode) for prefix, kind, livemode in KINDS}


class Command(BaseCommand):
    help = "Makes a key for a merchant and prints it as JSON. It is not shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("merchant", help="the merchant's id, acct_…")
        parser.add_argument("kind", choices=BY_PREFIX)
        parser.add_argument(
            "--may",
            nargs="+",
            default=[],
            metavar="RESOURCE:LEVEL",
            help=f"what a restricted key may: read or write (which is to read too) one of {', '.join(RESOURCES)}",
        )
        parser.add_argument(
            "--from",
            nargs="+",
            default=[],
            metavar="CIDR",
            help="addresses that may use it; anywhere if left out",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = Merchant.objects.filter(public_id=options["merchant"]).first()
        if merchant is None:
            raise CommandError(f"No such merchant: {options['merchant']}")
        kind, livemode = BY_PREFIX[options["kind"]]
        try:
            key, text = issue_key(
                merchant, kind=kind, livemode=livemode, scopes=options["may"], addresses=options["from"]
            )
        except InvalidRequest as error:
            raise CommandError(error.message) from error
        shown = {"key": text, "may": key.scopes, "from": key.addresses}
        self.stdout.write(json.dumps(shown, indent=2))
