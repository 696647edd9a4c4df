"""A topic as a consumer finds it, and librdkafka's mock cluster: the real protocol over real sockets."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from confluent_kafka import Consumer, Message, Producer, TopicPartition


@dataclass(frozen=True)
class Published:
    key: str
    value: bytes
    headers: dict[str, str]
    partition: int


@contextmanager
def mock_cluster(brokers: int = 1) -> Iterator[str]:
    """Its bootstrap servers. Topics appear when they are first used."""
    host = Producer({"bootstrap.servers": "mock:9092", "test.mock.num.brokers": brokers, "log_level": 3})
    known = host.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in known)
    host.flush(1)


def read_topic(servers: str, topic: str, *, at_least: int = 0, seconds: float = 30) -> list[Published]:
    """All that is on the topic, partition by partition; waits until there are `at_least` so many."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.partition.eof": True})
    deadline = time.monotonic() + seconds
    try:
        while True:
            found = _read(consumer, topic)
            if len(found) >= at_least or time.monotonic() > deadline:
                return found
            time.sleep(0.1)
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str) -> list[Published]:
    partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    found = []
    for partition in partitions:
        place = TopicPartition(topic, partition, 0)
        first, end = consumer.get_watermark_offsets(place, timeout=10)
        place.offset = first
        consumer.assign([place])
        while first < end:
            message = consumer.poll(5)
            if message is None or message.error() is not None:
                break
            headers = {name: value.decode() for name, value in _headers(message)}
            found.append(
                Published((message.key() or b"").decode(), message.value() or b"", headers, partition)
            )
            first += 1
    return found


def _headers(message: Message) -> list[tuple[str, bytes]]:
    # librdkafka's own type allows for more than it ever returns.
    return cast("list[tuple[str, bytes]]", message.headers() or [])
