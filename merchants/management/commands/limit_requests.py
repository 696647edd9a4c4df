"""`manage.py limit_requests acct_… 500`: how many requests a second are taken with each key of a merchant."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.errors import InvalidRequest
from merchants.models import Merchant
from merchants.services import limit_requests


class Command(BaseCommand):
    help = "Sets a merchant's own rate limit, per key and second; without a number everybody's holds again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("merchant", help="the merchant's id, acct_…")
        parser.add_argument("per_second", nargs="?", type=int, help="requests a second")

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = Merchant.objects.filter(public_id=options["merchant"]).first()
        if merchant is None:
            raise CommandError(f"No such merchant: {options['merchant']}")
        try:
            limit_requests(merchant, options["per_second"])
        except InvalidRequest as error:
            raise CommandError(error.message) from error
        own = options["per_second"]
        limit = f"{own}/s" if own else f"{settings.RATE_LIMITS['key']}, as everybody"
        self.stdout.write(f"{merchant.public_id}: at most {limit}, with each key.")
