"""`manage.py create_merchant NAME`: a merchant and its keys, as JSON, shown this once."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from merchants.services import create_merchant
from risk.models import RiskSettings


class Command(BaseCommand):
    help = "Creates a merchant and prints its keys as JSON. The keys are not shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--order-metadata-key",
            default="",
            metavar="KEY",
            help="the metadata key that names a payment's order: an order is then paid once",
        )

        parser.add_argument(
            "--enforce-risk",
            action="store_true",
            help="carry the verdicts on payments out in test mode too, as in live mode",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        made = create_merchant(options["name"], order_metadata_key=options["order_metadata_key"][:40])
        if options["enforce_risk"]:
            RiskSettings.objects.create(merchant=made.merchant, livemode=False, enforced=True)
        self.stdout.write(json.dumps({"merchant": made.merchant.public_id, "keys": made.keys}, indent=2))
