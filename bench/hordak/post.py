"""Posts with django-hordak, by a Python of its own: `post.py DATABASE_URL SECONDS PROCESSES THREADS`. Prints postings
per second. Each is a transfer between two of a thousand and one accounts, through the library's own door."""

import importlib
import multiprocessing
import random
import sys
import threading
import time
from decimal import Decimal
from typing import Any

import dj_database_url
import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

ACCOUNTS = 1_000
APPS = ["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"]


def main() -> None:
    url, seconds, processes, threads = sys.argv[1], *map(int, sys.argv[2:5])
    database = {**dj_database_url.parse(url), "CONN_MAX_AGE": None}
    settings.configure(
        INSTALLED_APPS=APPS,
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        SECRET_KEY="not-one",
    )
    django.setup()
    call_command("migrate", verbosity=0)
    models: Any = importlib.import_module("hordak.models")
    if not models.Account.objects.exists():
        for number in range(ACCOUNTS + 1):
            models.Account.objects.create(
                name=f"Account {number}", code=f"{number:04}", type="AS" if not number else "LI",
                currencies=["USD"],
            )  # fmt: skip
    ids = list(models.Account.objects.order_by("code").values_list("pk", flat=True))
    connection.close()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        counts = pool.starmap(_post, [(ids, seconds, threads)] * processes)
    print(sum(counts) / seconds)


def _post(ids: list[int], seconds: int, threads: int) -> int:
    models: Any = importlib.import_module("hordak.models")
    money: Any = importlib.import_module("moneyed").Money
    found = models.Account.objects.in_bulk(ids)
    bank, others = found[ids[0]], [found[pk] for pk in ids[1:]]
    counts: list[int] = []

    def run(until: float) -> None:
        count = 0
        while time.monotonic() < until:
            random.choice(others).transfer_to(bank, money(Decimal("100.00"), "USD"))
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


if __name__ == "__main__":
    main()
