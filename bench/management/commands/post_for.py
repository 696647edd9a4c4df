"""`post_for SECONDS MERCHANTS PROCESSES THREADS`: postings through `ledger.services.post`, to that many merchants in
turn. Prints how many there were a second."""

import multiprocessing
import random
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, connections

from bench.postings import BANK, KIND, OF_MERCHANT
from core.ids import new_id
from ledger.lines import credit, debit
from ledger.services import post
from merchants.models import Merchant


class Command(BaseCommand):
    help = "Posts for some seconds and prints the rate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name in ("seconds", "merchants", "processes", "threads"):
            parser.add_argument(name, type=int)

    def handle(
        self, *args: Any, seconds: int, merchants: int, processes: int, threads: int, **options: Any
    ) -> None:
        ids = list(
            Merchant.objects.filter(name="Bench").order_by("pk").values_list("pk", flat=True)[:merchants]
        )
        # What is open here must not be used by both.
        connection.close()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # of PostgreSQL alone
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            counts = pool.starmap(_post, [(ids, seconds, threads)] * processes)
        self.stdout.write(f"{sum(counts) / seconds}")


def _post(merchants: list[int], seconds: int, threads: int) -> int:
    # Accounts are known by then, as in a process that has run for a while.
    for merchant in merchants:
        _book(merchant)
    counts: list[int] = []

    def run(until: float) -> None:
        count = 0
        while time.monotonic() < until:
            _book(random.choice(merchants))
            count += 1
        counts.append(count)
        connection.close()

    until = time.monotonic() + seconds
    running = [threading.Thread(target=run, args=[until]) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts)


def _book(merchant: int) -> None:
    post(
        reference=f"{new_id('op')}:bench",
        kind=KIND,
        lines=[debit(BANK, "usd", 10_000), credit(OF_MERCHANT.format(merchant), "usd", 10_000)],
        livemode=False,
        merchant_id=merchant,
    )
