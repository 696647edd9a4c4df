"""Writes the bookings into docs/money.md as they are in the code."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from payments.booking_page import filled


class Command(BaseCommand):
    help = "Writes every booking, as T-accounts, into docs/money.md."

    def handle(self, *args: Any, **options: Any) -> None:
        target = settings.BASE_DIR / "docs" / "money.md"
        target.write_text(filled(target.read_text()))
        self.stdout.write(f"Wrote {target.relative_to(settings.BASE_DIR)}.")
