"""Says when a merchant is paid out."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from merchants.models import Merchant
from payments.models import Terms


class Command(BaseCommand):
    help = "Pays a merchant out on schedule from now on: payout_schedule acct_… daily"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merchant", help="the merchant's id, acct_…")
        parser.add_argument("interval", choices=Terms.Interval.values)
        parser.add_argument(
            "--weekday", type=int, choices=range(7), default=0, help="0 is Monday; for weekly"
        )
        parser.add_argument(
            "--day", type=int, choices=range(1, 32), default=1, metavar="1-31", help="for monthly"
        )
        parser.add_argument(
            "--minimum", type=int, default=100, help="less, in the smallest unit, waits for the next time"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = Merchant.objects.filter(public_id=options["merchant"]).first()
        if merchant is None:
            raise CommandError(f"No such merchant: {options['merchant']}")
        if options["minimum"] < 0:
            raise CommandError(f"The minimum can't be negative: {options['minimum']}")
        Terms.objects.update_or_create(
            merchant=merchant,
            defaults={
                "payout_interval": options["interval"],
                "payout_weekday": options["weekday"],
                "payout_day": options["day"],
                "payout_minimum_minor": options["minimum"],
            },
        )
        self.stdout.write(f"{merchant.name} is paid out: {options['interval']}.")
