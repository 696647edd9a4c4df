"""`python -m vault make-hsm-key LABEL`: a master key in the HSM, made there and never to leave it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vault.errors import HsmUnavailable
from vault.hsm import make_key


class Command(BaseCommand):
    help = (
        "Makes a non-extractable AES-256 key in the HSM that VAULT_PKCS11_MODULE and VAULT_PKCS11_TOKEN name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("label", help="such as tollgate-2027")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            make_key(options["label"])
        except HsmUnavailable as error:
            raise CommandError(error.for_operator) from None
        self.stdout.write(f'Made. In the key file it is {{"pkcs11": "{options["label"]}"}}.')
