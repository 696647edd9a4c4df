"""Says what a dispute costs a merchant."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.money import CURRENCIES, display
from merchants.models import Merchant
from payments.services.terms import set_dispute_fee


class Command(BaseCommand):
    help = "What disputes that are opened from now on cost a merchant: dispute_fee acct_… usd 2000"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merchant", help="the merchant's id, acct_…")
        parser.add_argument("currency", help="its three letters")
        parser.add_argument("fee", type=int, help="in the currency's smallest unit")

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = Merchant.objects.filter(public_id=options["merchant"]).first()
        currency, fee_minor = options["currency"].lower(), options["fee"]
        if merchant is None:
            raise CommandError(f"No such merchant: {options['merchant']}")
        if currency not in CURRENCIES:
            raise CommandError(f"No such currency: {options['currency']}")
        if fee_minor < 0:
            raise CommandError(f"The fee can't be negative: {fee_minor}")
        set_dispute_fee(merchant.pk, currency, fee_minor)
        self.stdout.write(f"A dispute costs {merchant.name} {display(fee_minor, currency)} from now on.")
