"""`search_console CHARGES`: how long everything that the console's box asks takes, for each thing that a person may
know of a payment: medians in milliseconds, as JSON, and the slowest of all. What is not found is an error."""

import json
import statistics
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.finding import MOST, Term, finders

TIMES = 15


class Command(BaseCommand):
    help = "Prints what searching costs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("charges", type=int)

    def handle(self, *args: Any, charges: int, **options: Any) -> None:
        known = charges // 2 + 1
        terms = {
            "id": (f"ch_{known:09}", 1),
            "amount": ("123.45", MOST if charges > 10**6 / 2 else 0),
            "last4": (f"{known % 9_999:04}", 1),
            "last4_of_many": ("0000", min(MOST, charges // 100)),
            "card": (f"card{known % 300_000}", 1),
            "email": (f"shopper{known % 200_000}@example.com", 1),
            "order": (f"order-{known}", 1),
            "nothing": ("no such thing", 0),
        }
        spent = {name: _spent(term, least) for name, (term, least) in terms.items()}
        figures = {f"{name}_ms": statistics.median(times) for name, times in spent.items()}
        figures["slowest_ms"] = max(max(times) for times in spent.values())
        self.stdout.write(json.dumps(figures))


def _spent(text: str, least: int) -> list[float]:
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        found = sum(len(one.find(Term(text))) for one in finders())
        times.append((time.perf_counter() - began) * 1000)
        assert found >= least, f"{text}: {found} found"
    return times
