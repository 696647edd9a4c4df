"""Turns a merchant's available money into another currency."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import TollgateError
from core.money import CURRENCIES, decimals, display
from merchants.models import Merchant
from payments.services.exchange import NewExchange, exchange


class Command(BaseCommand):
    help = (
        "Exchanges once per reference: exchange acct_… 100.00 eur usd --rate 1.0837 --reference 2026-11-25-1"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merchant", help="the merchant's id, acct_…")
        parser.add_argument("amount", help="what is sold, in whole units, as 100.00")
        parser.add_argument("sold", type=str.lower, help="its currency, as eur")
        parser.add_argument("bought", type=str.lower, help="the currency that is bought, as usd")
        parser.add_argument("--rate", required=True, help="what one unit buys, as 1.0837")
        parser.add_argument(
            "--reference", required=True, help="your own name for it: repeated, nothing is done again"
        )
        parser.add_argument("--live", action="store_true", help="in live mode; else in test mode")

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = Merchant.objects.filter(public_id=options["merchant"]).first()
        if merchant is None:
            raise CommandError(f"No such merchant: {options['merchant']}")
        asked = NewExchange(
            sold_minor=_minor(options["amount"], options["sold"]),
            sold_currency=options["sold"],
            bought_currency=options["bought"],
            rate=options["rate"],
            reference=options["reference"],
        )
        try:
            made = exchange(merchant, asked, livemode=options["live"], made_by="command")
        except TollgateError as error:
            raise CommandError(error.message) from error
        self.stdout.write(
            f"{made.public_id}: {merchant.name} sold {display(made.sold_minor, made.sold_currency)} for "
            f"{display(made.bought_minor, made.bought_currency)} at {made.rate}."
        )


def _minor(amount: str, currency: str) -> int:
    if currency not in CURRENCIES:
        raise CommandError(f"'{currency}' is not a currency that we know.")
    try:
        minor = Decimal(amount).scaleb(decimals(currency))
    except InvalidOperation as error:
        raise CommandError(f"'{amount}' is not an amount.") from error
    if not minor.is_finite() or minor != minor.to_integral_value():
        raise CommandError(f"'{amount}' is not an amount of {currency.upper()}.")
    return int(minor)
