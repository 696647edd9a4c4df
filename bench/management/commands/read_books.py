"""`read_books`: how long a balance as of a moment and the first page of a statement take, for the account with the
most entries: medians in milliseconds, as JSON."""

import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from bench.books import LARGEST
from ledger.models import LedgerAccount, LedgerEntry, LedgerTransaction
from ledger.queries import Clock, balance
from ledger.statements import PAGE, statement

TIMES = 25


class Command(BaseCommand):
    help = "Prints what reading the largest account costs."

    def handle(self, *args: Any, **options: Any) -> None:
        account = LedgerAccount.objects.get(address=LARGEST)
        first = LedgerTransaction.objects.earliest("pk").booked_at
        last = LedgerTransaction.objects.latest("pk").booked_at

        def moment() -> datetime:
            """In the later half: at the very beginning there is not one page yet."""
            return first + (1 + random.random()) / 2 * (last - first)

        def as_of(clock: Clock) -> int:
            return balance(account.address, account.currency, account.livemode, at=moment(), clock=clock)

        per_entry = LedgerEntry.objects.filter(account=account).order_by("pk")[0].amount_minor
        whole = balance(account.address, account.currency, account.livemode)
        assert whole == per_entry * LedgerEntry.objects.filter(account=account).count()
        assert len(statement(account, at=moment()).lines) == PAGE
        self.stdout.write(
            json.dumps(
                {
                    "balance_ms": _median(
                        lambda: balance(account.address, account.currency, account.livemode)
                    ),
                    "as_of_ms": _median(lambda: as_of(Clock.BOOKED)),
                    "as_of_occurred_ms": _median(lambda: as_of(Clock.OCCURRED)),
                    "statement_ms": _median(lambda: statement(account)),
                    "statement_as_of_ms": _median(lambda: statement(account, at=moment())),
                }
            )
        )


def _median(act: Callable[[], object]) -> float:
    spent = []
    for _ in range(TIMES):
        began = time.perf_counter()
        act()
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)
