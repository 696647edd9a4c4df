"""The event stream through a real broker; broker, publishers and consumer are killed in between."""

import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction

from core.ids import new_id
from gateway.child import surroundings
from idempotency.keys import Key
from merchants.auth import Caller, caller_of
from merchants.services import NewMerchant, create_merchant
from payments import routing
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from tests.conftest import Books
from tests.kafka.broker import Broker
from tests.support.eventually import eventually
from tests.support.scripted import ScriptedBank, ScriptedVault
from tests.support.servers import ROOT
from tests.webhooks.kafka import read_topic
from webhooks.models import Event, EventStream, OutboxEntry
from webhooks.queries import stream_backlog
from webhooks.services import record_event

TOPIC = "tollgate.test.events"
CHARGES_PER_WRITER = 60
WRITERS = 4
CURRENCIES = ("usd", "eur", "jpy")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path)
    running.start()
    try:
        running.create_topics(TOPIC, "tollgate.live.events")
        yield running
    finally:
        running.kill()


class Program:
    """A process of ours that may be killed and started again; ended with the test."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.command, self.environment, self.log = command, surroundings() | environment, log
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.command], env=self.environment, cwd=ROOT, stdout=output, stderr=output
            )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def environment(books: Books, broker: Broker, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "faults").mkdir()
    return books.environment() | {
        "DJANGO_SETTINGS_MODULE": "gateway.settings",
        "KAFKA_BOOTSTRAP_SERVERS": broker.servers,
        "FAULTS_DIR": str(tmp_path / "faults"),
        "TOTALS_DATABASE_URL": books.servers.owner_url(books.name),
    }


@pytest.mark.timeout(800)
def test_killed_brokers_publishers_and_consumers_lose_nothing(
    books: Books, broker: Broker, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = ScriptedBank()
    monkeypatch.setattr(routing, "processor", {"sandbox": bank}.__getitem__)
    monkeypatch.setattr(routing, "vault", ScriptedVault)
    shops = [create_merchant(f"Shop {number}") for number in range(2)]
    publishers = [
        Program(["-m", "tests.kafka.publisher"], environment, tmp_path / f"publisher-{number}.log")
        for number in range(2)
    ]
    consumer = Program(
        ["docs/examples/daily_totals/consumer.py", TOPIC], environment, tmp_path / "consumer.log"
    )
    programs = [*publishers, consumer]
    never: list[str] = []
    try:
        writers = [
            threading.Thread(target=_write, args=(shops[number % 2], number, never))
            for number in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        eventually(lambda: Event.objects.count() > 100, seconds=60)
        # The next publisher that has sent something dies before it has noted it.
        Path(environment["FAULTS_DIR"], "webhooks.publish.after_send").write_text("kill")
        dead = eventually(
            lambda: next((p for p in publishers if p.process.poll() is not None), None), seconds=60
        )
        broker.kill()
        dead.start()
        consumer.kill()
        consumer.start()
        broker.start()
        eventually(lambda: _published_since(broker), seconds=90)
        broker.kill()
        broker.start()
        for writer in writers:
            writer.join()
        eventually(lambda: not OutboxEntry.objects.exists() and not stream_backlog()[0], seconds=150)
        _check_topic(broker, never)
        consumer.kill()
        consumer.start()
        eventually(lambda: _totals(books) == _books_say(), seconds=60, what="the consumer's totals are right")
    finally:
        for program in programs:
            program.kill()


def _published_since(broker: Broker) -> bool:
    """Whether the broker has confirmed something since its last start."""
    started = datetime.fromtimestamp(broker.started_at, UTC)
    return EventStream.objects.filter(published_at__gt=started).exists()


def _write(shop: NewMerchant, number: int, never: list[str]) -> None:
    """Sales, holds that are captured, refunds; and changes that are rolled back with their event."""
    caller = caller_of(f"Bearer {shop.keys['sk_test']}")
    try:
        for turn in range(CHARGES_PER_WRITER):
            name = f"{number}-{turn}"
            _pay(caller, name, turn)
            if turn % 5 == 0:
                never.append(_rolled_back(caller))
    finally:
        connection.close()


def _pay(caller: Caller, name: str, turn: int) -> None:
    def key(step: str) -> Key:
        return Key(caller.merchant_id, caller.livemode, f"{step}-{name}", "f", f"req_{name}")

    asked = NewCharge(
        amount_minor=1_000 + turn,
        currency=CURRENCIES[turn % 3],
        source="tok_visa",
        capture=turn % 2 == 0,
        description="",
        metadata={},
    )
    made = create_charge(caller=caller, key=key("pay"), asked=asked)
    charge = _id(made)
    if turn % 2:
        capture_charge(caller=caller, charge=charge, amount_minor=900, key=key("capture"))
    if turn % 3 == 0:
        create_refund(caller=caller, key=key("refund"), asked=NewRefund(charge=charge, amount_minor=100))


def _id(answer: Any) -> str:
    return str(msgspec.json.decode(answer.body)["id"])


def _rolled_back(caller: Caller) -> str:
    told = ""
    with pytest.raises(RuntimeError), transaction.atomic():
        told = record_event(
            merchant_id=caller.merchant_id,
            livemode=False,
            type="charge.updated",
            object_id=new_id("ch"),
            data={},
        ).public_id
        raise RuntimeError("the change fails")
    return told


def _check_topic(broker: Broker, never: list[str]) -> None:
    found = read_topic(broker.servers, TOPIC)
    seen: dict[str, list[str]] = defaultdict(list)
    for record in found:
        if record.headers["id"] not in seen[record.key]:
            seen[record.key].append(record.headers["id"])
    committed: dict[str, list[str]] = defaultdict(list)
    for object_id, event_id in Event.objects.order_by("sequence").values_list("object_id", "public_id"):
        committed[object_id].append(event_id)
    assert seen == committed
    assert len(found) > sum(map(len, committed.values())), "a publisher died between sending and noting it"
    assert never
    assert not {record.headers["id"] for record in found}.intersection(never)


def _totals(books: Books) -> set[tuple[str, str, int, int]]:
    with books.superuser() as raw:
        if raw.execute("SELECT to_regclass('daily_totals.total')").fetchone() == (None,):
            return set()
        rows = raw.execute(
            "SELECT account, currency, sum(captured_minor)::bigint, sum(refunded_minor)::bigint "
            "FROM daily_totals.total GROUP BY account, currency"
        )
        return set(rows.fetchall())


def _books_say() -> set[tuple[str, str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.public_id, c.currency, sum(c.captured_minor)::bigint,
                   coalesce(sum(r.refunded_minor), 0)::bigint
            FROM payments_charge c JOIN merchants_merchant m ON m.id = c.merchant_id
            LEFT JOIN (
                SELECT charge_id, sum(amount_minor) AS refunded_minor FROM payments_refund
                WHERE state = 'succeeded' GROUP BY charge_id
            ) r ON r.charge_id = c.id
            WHERE c.state = 'captured' GROUP BY 1, 2
            """
        )
        return set(cursor.fetchall())
