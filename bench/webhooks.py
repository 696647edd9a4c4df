"""How many webhooks a worker sends: to receivers that answer at once and after a second, with one dead among a
hundred, and next to one Celery task for each delivery, in the same run."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
from celery import Celery

from bench.report import Stages
from bench.room import SETTINGS, Room
from bench.usage import cpu_seconds
from gateway.addresses import free_port
from gateway.child import CannotStart, Child, launch, stop
from gateway.plan import ROOT

ENDPOINTS = 100
# More than a worker sends in the time: what is left is given up.
FULL_PER_SECOND = 4_000
SLOW_PER_SECOND = 1_000
PLAIN_PER_SECOND = 600
BATCHED = ("--pool", "threads", "--concurrency", "4")
PLAIN = ("--pool", "prefork", "--concurrency", "4")
PLAIN_SETTINGS = {"DJANGO_SETTINGS_MODULE": "bench.plain_settings"}
START_SECONDS = 30.0
# Not measured: connections, plans, what processes remember.
WARM_UP = 100
WARM_UP_PLAIN_SLOW = 8
POKE_SECONDS = 0.25

Figures = dict[str, float]

FILL = """
    WITH endpoint AS (
        INSERT INTO webhooks_endpoint
            (public_id, merchant_id, livemode, url, enabled_events, secret, state, metadata)
        SELECT 'we_' || %(run)s || n, m.id, false, url, '{*}', 'whsec_abcdefghijklmnopqrstuvwxyz012345',
            'enabled', '{}'
        FROM merchants_merchant m, unnest(%(urls)s::text[]) WITH ORDINALITY AS u(url, n)
        WHERE m.public_id = %(merchant)s
        RETURNING id
    ), numbered AS (
        SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM endpoint
    ), event AS (
        INSERT INTO webhooks_event (public_id, merchant_id, livemode, type, object_id, data)
        SELECT 'evt_' || %(run)s || n, m.id, false, 'charge.succeeded', 'ch_' || %(run)s || n,
            (SELECT jsonb_object_agg('field_' || f, 'a value of twenty-six bytes') FROM generate_series(1, 40) f)
        FROM merchants_merchant m, generate_series(1, %(number)s) n WHERE m.public_id = %(merchant)s
        RETURNING id
    )
    INSERT INTO webhooks_delivery (event_id, endpoint_id)
    SELECT e.id, numbered.id
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM event) e
    JOIN numbered ON numbered.place = mod(e.place, (SELECT count(*) FROM numbered))
    RETURNING id
"""
SENT = "SELECT count(*) FROM webhooks_delivery_attempt WHERE id > %s AND status = 200"
LAST = "SELECT coalesce(max(id), 0) FROM webhooks_delivery_attempt"
CLEAR = """
    UPDATE webhooks_delivery SET state = CASE state WHEN 'pending' THEN 'given_up' ELSE state END,
        next_attempt_at = NULL WHERE next_attempt_at IS NOT NULL
"""


@dataclass(frozen=True)
class Run:
    """Deliveries that succeeded, and what they took."""

    deliveries: int
    seconds: float
    worker_cpu_seconds: float
    postgres_cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.deliveries / self.seconds

    def figures(self) -> Figures:
        sent = max(self.deliveries, 1)
        return {
            "deliveries_per_second": self.per_second,
            "deliveries_per_worker_core_second": self.deliveries / max(self.worker_cpu_seconds, 0.01),
            "worker_cpu_us_per_delivery": self.worker_cpu_seconds / sent * 1e6,
            "postgres_cpu_us_per_delivery": self.postgres_cpu_seconds / sent * 1e6,
        }


def in_turn(room: Room, stages: Stages, *, seconds: int) -> dict[str, Figures]:
    """All of them on the same machine in one run."""
    merchant, _ = room.new_merchant("Webhooks")
    with _receiver(room) as base, room.books() as books:
        field = _Field(room, books, merchant, stages, seconds)
        fast = [f"{base}/fast/{n}" for n in range(ENDPOINTS)]
        slow = [f"{base}/slow/{n}" for n in range(ENDPOINTS)]
        batched = field.run("webhooks", fast, number=FULL_PER_SECOND * seconds)
        one_dead = field.run(
            "one dead of 100", [f"{base}/dead/0", *fast[1:]], number=FULL_PER_SECOND * seconds
        )
        plain = field.run("a task each", fast, number=PLAIN_PER_SECOND * seconds, plain=True)
        batched_slow = field.run("webhooks, 1 s", slow, number=SLOW_PER_SECOND * seconds)
        plain_slow = field.run("a task each, 1 s", slow, number=100 * seconds, plain=True)
    return {
        "webhooks": {**batched.figures(), "ratio_to_a_task_each": batched.per_second / plain.per_second},
        "webhooks_one_dead_of_100": {
            **one_dead.figures(),
            "ratio_to_none_dead": one_dead.per_second / batched.per_second,
        },
        "webhooks_slow_receivers": {
            **batched_slow.figures(),
            "ratio_to_a_task_each": batched_slow.per_second / plain_slow.per_second,
        },
        "webhooks_by_a_task_each": plain.figures(),
        "webhooks_by_a_task_each_slow_receivers": plain_slow.figures(),
    }


class _Field:
    """One backlog after the other, each worked off by a worker of its own."""

    def __init__(
        self, room: Room, books: psycopg.Connection, merchant: str, stages: Stages, seconds: int
    ) -> None:
        self.room, self.books, self.merchant, self.stages, self.seconds = (
            room,
            books,
            merchant,
            stages,
            seconds,
        )
        self.runs = 0
        self.celery = Celery(broker=room.plan.broker_url)

    def run(self, title: str, urls: Sequence[str], *, number: int, plain: bool = False) -> Run:
        self.stages.stage(title, self.seconds + START_SECONDS / 5)
        self.runs += 1
        values: dict[str, Any] = {
            "run": f"r{self.runs}_", "urls": list(urls), "merchant": self.merchant, "number": number,
        }  # fmt: skip
        after = self._one(LAST)
        with _worker(self.room, plain=plain) as worker:
            ids = [row[0] for row in self.books.execute(FILL, values)]
            self.books.execute("ANALYZE webhooks_delivery, webhooks_event, webhooks_endpoint")
            if plain:
                for id in ids:
                    self.celery.send_task("bench.deliver_one", [id], ignore_result=True)
            self._warm_up(after, WARM_UP_PLAIN_SLOW if plain and "/slow/" in urls[0] else WARM_UP, plain)
            run = self._measure(worker, after, len(ids), plain)
        self.celery.control.purge()
        self.books.execute(CLEAR)
        if not run.deliveries:
            raise CannotStart(f"{title}: nothing was delivered")
        return run

    def _warm_up(self, after: int, enough: int, plain: bool) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._one(SENT, after) < enough and time.monotonic() < deadline:
            self._poke(plain)

    def _measure(self, worker: psutil.Process, after: int, number: int, plain: bool) -> Run:
        sent, began = self._one(SENT, after), time.monotonic()
        used, books = cpu_seconds(worker), cpu_seconds(self.room.postgres_process)
        while time.monotonic() < began + self.seconds and self._one(SENT, after) < 0.95 * number:
            self._poke(plain)
        return Run(
            self._one(SENT, after) - sent,
            time.monotonic() - began,
            cpu_seconds(worker) - used,
            cpu_seconds(self.room.postgres_process) - books,
        )

    def _poke(self, plain: bool) -> None:
        """What beat does."""
        if not plain:
            self.celery.send_task("webhooks.deliver_due", ignore_result=True, expires=5)
        time.sleep(POKE_SECONDS)

    def _one(self, sql: str, *values: int) -> int:
        row = self.books.execute(sql, values).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def _worker(room: Room, *, plain: bool) -> Iterator[psutil.Process]:
    command = (sys.executable, *"-m celery -A gateway worker --without-gossip --without-mingle".split())
    environment = {**room.plan.gateway_environment(), **(PLAIN_SETTINGS if plain else SETTINGS)}
    pool = PLAIN if plain else BATCHED
    child = Child("bench-worker", (*command, "--loglevel", "WARNING", *pool), environment, folder=ROOT)
    with _running(child, room) as process:
        yield psutil.Process(process.pid)


@contextmanager
def _receiver(room: Room) -> Iterator[str]:
    port = free_port()
    command = (sys.executable, "-m", "bench.receiver", "--port", str(port))
    with _running(Child("receiver", command, folder=ROOT), room):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(child: Child, room: Room) -> Iterator[subprocess.Popen[bytes]]:
    with (room.plan.data_dir / f"{child.name}.log").open("ab") as log:
        process = launch(child, output=log.fileno())
    try:
        yield process
    finally:
        stop(process, child)
