"""`manage.py revoke_key < key.txt`: ends a key that has leaked, whoever's it is."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from merchants.auth import REMEMBER_SECONDS
from merchants.models import ApiKey, Merchant
from merchants.services import key_of, revoke_key


class Command(BaseCommand):
    help = (
        "Revokes the key that is read from standard input, or every key of a merchant. It can not be undone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--all-of", metavar="ACCT", help="every key of this merchant, in both modes, instead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        keys = _keys_of(options["all_of"]) if options["all_of"] else [_key_in(sys.stdin.readline())]
        for key in keys:
            revoke_key(key)
            self.stdout.write(f"{key} of {key.merchant} ({key.merchant.public_id}) is revoked.")
        self.stdout.write(f"The API refuses what is revoked within {REMEMBER_SECONDS:.0f} seconds.")


def _keys_of(public_id: str) -> list[ApiKey]:
    merchant = Merchant.objects.filter(public_id=public_id).first()
    if merchant is None:
        raise CommandError(f"No such merchant: {public_id}")
    return list(merchant.keys.filter(revoked_at=None).select_related("merchant").order_by("pk"))


def _key_in(text: str) -> ApiKey:
    key = key_of(text)
    if key is None:
        raise CommandError("No merchant ever had this key; nothing was revoked.")
    return key
