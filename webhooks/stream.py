"""Events to Kafka: one idempotent producer a process, and what became of a batch. Knows no database."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

# What a batch may take before it counts as failed; the broker may still take it, and then it comes twice.
SEND_SECONDS = 10.0
# For what was dropped to be reported.
GRACE_SECONDS = 1.0

log = logging.getLogger("tollgate.stream")


@dataclass(frozen=True, slots=True)
class Record:
    """One event for the topic. `number` is ours, to say which ones arrived."""

    number: int
    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """The numbers of those that the broker confirmed, and the first reason why others were not."""

    confirmed: list[int]
    error: str


class Stream:
    """What is sent through it arrives per key in the order in which it was given, without gaps: where one message
    fails, none after it gets through, and the next batch has a new producer. For one thread at a time."""

    def __init__(self, options: Mapping[str, Any], *, send_seconds: float = SEND_SECONDS) -> None:
        self._options = {
            "client.id": "tollgate",
            # No duplicates by the producer's own retries, and order kept through them.
            "enable.idempotence": True,
            # A message that fails ends the producer; otherwise the next one of its key would overtake it.
            "enable.gapless.guarantee": True,
            "acks": "all",
            # Nor does one time out by itself, which that does not cover: we end the producer when time is up.
            "message.timeout.ms": 0,
            "linger.ms": 5,
            "compression.type": "lz4",
            # As Java's producers choose: when CDC takes over, a key stays on its partition.
            "partitioner": "murmur2_random",
            # We say ourselves, once a batch, what is wrong; it would say so with every try to connect.
            "log_level": 2,
            "logger": log,
            "error_cb": self._note_trouble,
            **options,
        }
        self._trouble = ""
        self._send_seconds = send_seconds
        self._producer: Producer | None = None

    def send(self, records: Sequence[Record]) -> Sent:
        """Waits until each record is confirmed or failed. Never raises for what the broker or network does."""
        confirmed: list[int] = []
        errors: list[str] = []

        def reported(number: int, error: KafkaError | None) -> None:
            if error is None:
                confirmed.append(number)
            else:
                errors.append(error.str())

        self._trouble = ""
        try:
            producer = self._producer = self._producer or Producer(self._options)
            for record in records:
                self._hand_over(producer, record, reported)
            producer.flush(self._send_seconds)
        except (KafkaException, BufferError) as error:
            errors.append(str(error))
        if len(confirmed) < len(records):
            missing = len(records) - len(confirmed)
            errors.append(f"{missing} of {len(records)} events were not confirmed in time. {self._trouble}")
            self.close()
        return Sent(confirmed, errors[0] if errors else "")

    def _note_trouble(self, error: KafkaError) -> None:
        self._trouble = error.str()

    def close(self) -> None:
        """What was not sent by now is dropped; the database still has it."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # In this order: what waits must not be sent once what is under way is given up.
            producer.purge(in_queue=True, in_flight=False)
            producer.purge(in_queue=False, in_flight=True)
            producer.flush(GRACE_SECONDS)

    @staticmethod
    def _hand_over(producer: Producer, record: Record, reported: Any) -> None:
        number = record.number

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            reported(number, error)

        producer.produce(
            record.topic,
            key=record.key.encode(),
            value=record.value,
            headers=[(name, value.encode()) for name, value in record.headers.items()],
            on_delivery=on_delivery,
        )


class SharedStream:
    """The process's stream, made when it is first used. `using` gives it to one thread at a time."""

    def __init__(self) -> None:
        self._using = threading.Lock()
        self._stream: Stream | None = None

    def using(self) -> threading.Lock:
        return self._using

    def get(self, options: Mapping[str, Any]) -> Stream:
        if self._stream is None:
            self._stream = Stream(options)
        return self._stream
