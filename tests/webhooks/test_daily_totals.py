"""The example of a consumer: each event counts once, however often it comes and wherever the consumer dies."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from gateway.child import surroundings
from tests.conftest import Books
from tests.support.eventually import eventually
from tests.support.servers import ROOT
from tests.webhooks.kafka import mock_cluster

EXAMPLE = str(ROOT / "docs" / "examples" / "daily_totals" / "consumer.py")
TOPIC = "tollgate.test.events"
DAY = 1_764_000_000
# Dies after its transaction, before the topic is told: what it had counted comes again.
DIES_IN_BETWEEN = f"""
import runpy, sys
import confluent_kafka

class Dying(confluent_kafka.Consumer):
    def commit(self, *_, **__):
        self.close()
        raise SystemExit(9)

confluent_kafka.Consumer = Dying
sys.argv = [{EXAMPLE!r}, {TOPIC!r}]
runpy.run_path({EXAMPLE!r}, run_name="__main__")
"""


def charge(number: int, type: str, *, account: str = "acct_1", **more: Any) -> dict[str, Any]:
    previous = more.pop("previous", None)
    shown = {
        "object": "charge",
        "currency": "usd",
        "captured": True,
        "amount_captured": 1_000,
        "amount_refunded": 0,
    }
    data: dict[str, Any] = {"object": shown | more}
    if previous is not None:
        data["previous_attributes"] = previous
    return {"id": f"evt_{number}", "type": type, "created": DAY + number, "account": account, "data": data}


EVENTS = [
    charge(1, "charge.succeeded"),
    charge(2, "charge.captured", amount_captured=700),
    charge(3, "charge.succeeded", captured=False, amount_captured=0),
    charge(4, "charge.refunded", amount_refunded=300, previous={"amount_refunded": 0}),
    charge(5, "charge.refunded", amount_refunded=1_000, previous={"amount_refunded": 300}),
    # It came back.
    charge(6, "charge.updated", amount_refunded=300, previous={"amount_refunded": 1_000}),
    charge(7, "charge.updated", previous={"description": "x"}),
    charge(8, "charge.succeeded", account="acct_2", currency="eur"),
    charge(100_000, "charge.succeeded"),
]
TOTALS = {
    ("acct_1", "2025-11-24", "usd", 1_700, 300),
    ("acct_1", "2025-11-25", "usd", 1_000, 0),
    ("acct_2", "2025-11-24", "eur", 1_000, 0),
}


@pytest.fixture
def environment(books: Books) -> Iterator[dict[str, str]]:
    with mock_cluster() as servers:
        yield surroundings() | {
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "TOTALS_DATABASE_URL": books.servers.owner_url(books.name),
        }


def put(servers: str, events: list[dict[str, Any]]) -> None:
    producer = Producer({"bootstrap.servers": servers, "log_level": 2})
    for event in events:
        producer.produce(TOPIC, key=event["account"], value=json.dumps(event).encode())
    assert producer.flush(30) == 0


def totals(books: Books) -> set[Any]:
    with books.superuser() as raw:
        if raw.execute("SELECT to_regclass('daily_totals.total')").fetchone() == (None,):
            return set()
        rows = raw.execute(
            "SELECT account, day::text, currency, captured_minor, refunded_minor FROM daily_totals.total"
        )
        return set(rows.fetchall())


def test_every_event_counts_once(books: Books, environment: dict[str, str], tmp_path: Path) -> None:
    put(environment["KAFKA_BOOTSTRAP_SERVERS"], [*EVENTS[:6], *EVENTS[2:5]])
    died = subprocess.run([sys.executable, "-c", DIES_IN_BETWEEN], env=environment, check=False)
    assert died.returncode == 9
    assert totals(books), "it had counted what it had read"
    with (tmp_path / "log").open("wb") as log:
        consumer = subprocess.Popen([sys.executable, EXAMPLE, TOPIC], env=environment, stderr=log)
    try:
        put(environment["KAFKA_BOOTSTRAP_SERVERS"], [*EVENTS[6:], *EVENTS])
        eventually(lambda: totals(books) == TOTALS, seconds=120, what="the totals are right")
    finally:
        consumer.kill()
        consumer.wait()
    with books.superuser() as raw:
        assert raw.execute("SELECT count(*) FROM daily_totals.seen").fetchone() == (7,)
    assert os.path.getsize(tmp_path / "log") == 0
