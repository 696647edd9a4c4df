"""How long a report takes to be read, kept and compared, with which memory; then how long a loop takes that asks the
database about each line. With `--book`, how long the ledger takes as well. Prints JSON."""

import json
import resource
import time
from argparse import ArgumentParser
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from payments.models import BalanceTransaction, Operation
from reconciliation import formats
from reconciliation.models import Break, Match, ReportFile
from reconciliation.services.importing import store
from reconciliation.services.posting import post_file
from reconciliation.terms import Terms

TERMS = Terms("bench", False, "sandbox", basis_points=150)


class Command(BaseCommand):
    help = "Measures the comparison of one report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--loop", type=int, default=0, help="so many lines one by one as well")
        parser.add_argument("--book", action="store_true")

    def handle(self, *args: Any, file: Path, loop: int, book: bool, **options: Any) -> None:
        began = time.perf_counter()
        with file.open("rb") as content:
            stored = store(content, TERMS, checksum=file.name, name=file.name, actor="bench")
        told: dict[str, float] = {
            "seconds": time.perf_counter() - began,
            # Kilobytes on Linux.
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "lines": stored.line_count,
            "matched": Match.objects.filter(file=stored, result="matched", settles=True).count(),
            "breaks": Break.objects.filter(
                source="bench", since__gte=stored.day, since__lt=_after(stored)
            ).count(),
        }
        if loop:
            told["loop_per_second"] = _one_by_one(file, loop)
        if book:
            began = time.perf_counter()
            post_file(stored, told=lambda lines: None)
            told["book_seconds"] = time.perf_counter() - began
        self.stdout.write(json.dumps(told))


def _after(file: ReportFile) -> Any:
    return file.day + timedelta(days=1)


def _one_by_one(file: Path, lines: int) -> float:
    """Compares, and keeps nothing: less than what is measured beside it."""
    began, same = time.perf_counter(), 0
    with file.open("rb") as content:
        for line in islice(formats.read("sandbox", content).lines(), lines):
            operation = Operation.objects.select_related("charge").get(public_id=line.reference)
            assert operation.charge is not None
            ours = BalanceTransaction.objects.get(public_id=operation.charge.balance_transaction)
            same += (ours.amount_minor, ours.currency) == (line.gross_minor, line.currency)
    assert same
    return lines / (time.perf_counter() - began)
