"""An example of a consumer: keeps what each merchant took and gave back, per day and currency, in tables of its own.

    KAFKA_BOOTSTRAP_SERVERS=… TOTALS_DATABASE_URL=postgres://… python consumer.py tollgate.live.events

Each event counts exactly once, however often it comes: its id and the totals are written in one transaction, and only
then is the topic told how far we are. Needs psycopg and confluent-kafka, and nothing of Tollgate's.
"""

import argparse
import json
import logging
import os
import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from confluent_kafka import Consumer, Message

BATCH = 200
POLL_SECONDS = 0.5
log = logging.getLogger("daily_totals")

TABLES = """
CREATE SCHEMA IF NOT EXISTS daily_totals;
CREATE TABLE IF NOT EXISTS daily_totals.seen (event_id text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS daily_totals.total (
    account text, day date, currency text,
    captured_minor bigint NOT NULL, refunded_minor bigint NOT NULL,
    PRIMARY KEY (account, day, currency)
);
"""

COUNT = """
WITH fresh AS (
    INSERT INTO daily_totals.seen (event_id) VALUES (%(id)s) ON CONFLICT DO NOTHING RETURNING event_id
)
INSERT INTO daily_totals.total AS total (account, day, currency, captured_minor, refunded_minor)
SELECT %(account)s, %(day)s, %(currency)s, %(captured)s::bigint, %(refunded)s::bigint FROM fresh
ON CONFLICT (account, day, currency) DO UPDATE
SET captured_minor = total.captured_minor + excluded.captured_minor,
    refunded_minor = total.refunded_minor + excluded.refunded_minor
"""


def amounts(event: dict[str, Any]) -> tuple[int, int]:
    """What an event adds to captured and to refunded; a refund that came back takes away."""
    charge = event["data"]["object"]
    if charge.get("object") != "charge" or not charge["captured"]:
        return 0, 0
    if event["type"] in ("charge.succeeded", "charge.captured"):
        return charge["amount_captured"], 0
    before = event["data"].get("previous_attributes", {})
    return 0, charge["amount_refunded"] - before.get("amount_refunded", charge["amount_refunded"])


def rows(messages: list[Message]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if (error := message.error()) is not None:
            log.warning("%s", error)
            continue
        event = json.loads(message.value() or b"")
        captured, refunded = amounts(event)
        if captured or refunded:
            yield {
                "id": event["id"],
                "account": event["account"],
                "day": day_of(event),
                "currency": event["data"]["object"]["currency"],
                "captured": captured,
                "refunded": refunded,
            }


def day_of(event: dict[str, Any]) -> date:
    return datetime.fromtimestamp(event["created"], UTC).date()


def count(connection: "psycopg.Connection[Any]", messages: list[Message]) -> None:
    """In an order that another consumer beside this one shares, so that they can't lock each other out."""
    batch = sorted(rows(messages), key=lambda row: (row["account"], row["day"], row["currency"]))
    if batch:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(COUNT, batch)


def consume(topic: str, group: str) -> None:
    options: dict[str, Any] = {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        # A consumer that was killed is replaced by the next one after that.
        "session.timeout.ms": 10_000,
    }
    consumer = Consumer(options)
    going = True

    def stop(*_: object) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with psycopg.connect(os.environ["TOTALS_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(TABLES)
        consumer.subscribe([topic])
        while going:
            messages = consumer.consume(BATCH, POLL_SECONDS)
            count(connection, messages)
            told = [message for message in messages if message.error() is None]
            if told:
                # What is lost here comes again, and is known.
                consumer.commit(asynchronous=True)
    consumer.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser(
        description="Daily totals per merchant and currency, from the event stream."
    )
    parser.add_argument("topic", help="such as tollgate.live.events")
    parser.add_argument("--group", default="daily_totals")
    arguments = parser.parse_args()
    consume(arguments.topic, arguments.group)
