"""Makes the sums per hour and the open items again from the entries: `manage.py rebuild_snapshots`."""

from typing import Any

from django.core.management.base import BaseCommand

from ledger.models import LedgerHour
from ledger.snapshots import rebuild


class Command(BaseCommand):
    help = "Makes the ledger's snapshots again from what is sealed. Reading goes on meanwhile; sealing waits."

    def handle(self, *args: Any, **options: Any) -> None:
        rebuild()
        self.stdout.write(f"{LedgerHour.objects.count():,} hours of accounts were summed again.")
