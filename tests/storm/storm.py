"""Events are written, some of them rolled back, while the processes that carry them are killed at random. At the end
every committed event has arrived at every endpoint, none that was rolled back has, and order was kept where it was
asked for."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dj_database_url
from django.conf import settings
from django.db import connection, transaction

from core.ids import new_id
from gateway.embedded import EmbeddedValkey
from merchants.models import Merchant
from merchants.services import create_merchant
from tests.conftest import point_django_at
from tests.support import processes
from tests.support.processes import Process
from tests.support.servers import Servers
from tests.webhooks.receiver import Receiver
from webhooks.kick import kick
from webhooks.models import Delivery, Event, OutboxEntry, WebhookEndpoint
from webhooks.services import record_event
from webhooks.services.endpoints import create_endpoint

WRITERS = 4
EVENTS_PER_CHANGE = (1, 2, 3)
ROLLED_BACK = 0.15
# How long a killed one stays away, and the time between two kills.
AWAY_SECONDS = (0.0, 1.5)
CALM_SECONDS = (0.5, 3.0)
# Now and then the receivers refuse everything for a moment.
REFUSING_SECONDS = 0.3
REFUSES = 0.3
# Leases that the dead held, and retries, end long before this, on a machine that has much else to do, too.
SETTLE_SECONDS = 900.0


@dataclass
class Told:
    """What came of a storm."""

    committed: int = 0
    rolled_back: int = 0
    arrivals: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class Lost(AssertionError):
    """Something is not as it must be; the message says what."""


class Storm:
    """`rage` for a number of events, at a rate."""

    def __init__(self, folder: Path, environment: dict[str, str], redis: EmbeddedValkey) -> None:
        self.redis = redis
        self.processes: dict[str, Process] = {
            "worker": processes.worker(folder, environment),
            "worker-two": processes.worker(folder, environment, name="worker-two"),
            "beat": processes.beat(folder, environment),
        }
        self.merchant: Merchant = create_merchant("In the storm").merchant
        self.never: set[str] = set()
        self.written = 0
        self.told = Told()
        self._lock = threading.Lock()

    def rage(self, events: int, *, per_second: float, progress: Callable[[str, int], None]) -> Told:
        began = time.monotonic()
        with Receiver() as one, Receiver() as ordered, self._running():
            endpoints = {self._endpoint(one): one, self._endpoint(ordered, ordered=True): ordered}
            with self._writing(events, per_second, progress) as writing:
                # In this thread: what a thread has started ends with it.
                self._kill([one, ordered], until=writing)
            for receiver in endpoints.values():
                receiver.status = 200
            self._settle(endpoints, progress)
            for endpoint, receiver in endpoints.items():
                self._check(endpoint, receiver)
        self.told.seconds = time.monotonic() - began
        return self.told

    def _endpoint(self, receiver: Receiver, *, ordered: bool = False) -> WebhookEndpoint:
        return create_endpoint(
            merchant_id=self.merchant.pk,
            livemode=False,
            url=receiver.url,
            enabled_events=["*"],
            api_version=None,
            description=None,
            metadata=None,
            ordered=ordered,
        )

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            for process in self.processes.values():
                process.start()
            yield
        finally:
            for process in self.processes.values():
                process.stop()

    @contextmanager
    def _writing(
        self, events: int, per_second: float, progress: Callable[[str, int], None]
    ) -> Iterator[threading.Event]:
        """Set when all is written."""
        pause = WRITERS * sum(EVENTS_PER_CHANGE) / len(EVENTS_PER_CHANGE) / per_second
        done = threading.Event()

        def work(number: int) -> None:
            dice = random.Random(number)
            try:
                while self.written < events:
                    self._change(dice, number)
                    kick()
                    progress("events", self.written)
                    time.sleep(pause * dice.uniform(0, 2))
            finally:
                connection.close()

        with ThreadPoolExecutor(WRITERS + 1) as pool:
            writers = [pool.submit(work, number) for number in range(WRITERS)]
            pool.submit(_set_after, writers, done)
            yield done
            for writer in writers:
                writer.result()

    def _change(self, dice: random.Random, number: int) -> None:
        """One database transaction: of an object of the writer's own, or of one that all change, under its lock."""
        shared = dice.random() < 0.1
        object_id = (
            f"ch_shared_{self.merchant.pk}"
            if shared
            else f"ch_{number}_{dice.randrange(50)}_{self.merchant.pk}"
        )
        made: list[str] = []
        fails = dice.random() < ROLLED_BACK
        with transaction.atomic():
            if shared:
                Merchant.objects.select_for_update(no_key=True).get(pk=self.merchant.pk)
            for _ in range(dice.choice(EVENTS_PER_CHANGE)):
                event = record_event(
                    merchant_id=self.merchant.pk,
                    livemode=False,
                    type="charge.updated",
                    object_id=object_id,
                    data={"id": object_id, "object": "charge", "mark": new_id("mark")},
                )
                made.append(event.public_id)
            transaction.set_rollback(fails)
        with self._lock:
            if fails:
                self.never.update(made)
            else:
                self.written += len(made)

    def _kill(self, receivers: list[Receiver], *, until: threading.Event) -> None:
        dice = random.Random()
        victims = [*self.processes, "redis"]
        while not until.wait(dice.uniform(*CALM_SECONDS)):
            victim = dice.choice(victims)
            self.told.kills[victim] += 1
            if dice.random() < REFUSES:
                self._refuse(receivers)
            if victim == "redis":
                assert self.redis.process is not None
                self.redis.process.kill()
                self.redis.process.wait()
                time.sleep(dice.uniform(*AWAY_SECONDS))
                self.redis.start()
            else:
                self.processes[victim].kill()
                time.sleep(dice.uniform(*AWAY_SECONDS))
                self.processes[victim].start()

    def _refuse(self, receivers: list[Receiver]) -> None:
        for receiver in receivers:
            receiver.status = 500
        time.sleep(REFUSING_SECONDS)
        for receiver in receivers:
            receiver.status = 200

    def _settle(
        self, endpoints: dict[WebhookEndpoint, Receiver], progress: Callable[[str, int], None]
    ) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        open_ones = Delivery.objects.filter(endpoint__in=endpoints, next_attempt_at__isnull=False)
        while OutboxEntry.objects.exists() or (left := open_ones.count()):
            progress("deliveries left", left if not OutboxEntry.objects.exists() else -1)
            if time.monotonic() > deadline:
                raise Lost(f"after {SETTLE_SECONDS:.0f} s deliveries are still open")
            time.sleep(0.5)

    def _check(self, endpoint: WebhookEndpoint, receiver: Receiver) -> None:
        mine = Event.objects.filter(merchant=self.merchant)
        committed = dict(mine.values_list("public_id", "object_id"))
        arrived = [
            (one.headers["webhook-id"], int(one.headers["Tollgate-Sequence"])) for one in receiver.received
        ]
        for one in random.sample(receiver.received, min(len(arrived), 200)):
            one.event(endpoint.secret, tolerance_seconds=24 * 3_600)
        ids = {id for id, _ in arrived}
        if lost := committed.keys() - ids:
            raise Lost(f"{len(lost)} of {len(committed)} committed events never arrived: {sorted(lost)[:5]}")
        if ghosts := ids - committed.keys():
            raise Lost(f"{len(ghosts)} events arrived that were never committed: {sorted(ghosts)[:5]}")
        if not self.never or self.never & ids:
            raise Lost("no change was rolled back, or one that was has arrived")
        if endpoint.ordered:
            self._check_order(arrived, committed)
        self.told.committed = len(committed)
        self.told.rolled_back = len(self.never)
        self.told.arrivals += len(arrived)

    def _check_order(self, arrived: list[tuple[str, int]], committed: dict[str, str]) -> None:
        latest: defaultdict[str, int] = defaultdict(int)
        for id, sequence in arrived:
            if sequence < latest[committed[id]]:
                raise Lost(f"{id} arrived after a later event of {committed[id]}")
            latest[committed[id]] = sequence


def _set_after(writers: list[Future[None]], done: threading.Event) -> None:
    wait(writers)
    done.set()


def in_a_storm(
    servers: Servers,
    *,
    events: int,
    per_second: float,
    progress: Callable[[str, int], None] = lambda *_: None,
) -> Told:
    """A storm on a database and a Redis of its own."""
    name = "webhook_storm"
    folder = servers.folder / name
    folder.mkdir()
    servers.new_database(name)
    before, broker = dict(settings.DATABASES["default"]), settings.CELERY_BROKER_URL
    redis = EmbeddedValkey("storm-valkey")
    with ExitStack() as stack:
        redis.start()
        stack.callback(redis.stop)
        stack.callback(servers.drop_database, name)
        stack.callback(point_django_at, before)
        point_django_at(dj_database_url.parse(servers.application_url(name)))
        stack.callback(setattr, settings, "CELERY_BROKER_URL", broker)
        settings.CELERY_BROKER_URL = redis.url()
        environment = servers.gateway_environment(name) | {"REDIS_URL": redis.url()}
        return Storm(folder, environment, redis).rage(events, per_second=per_second, progress=progress)
