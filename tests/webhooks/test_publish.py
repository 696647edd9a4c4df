"""The event stream: every committed event is on its topic at least once, of each object in order."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from controls.models import Alert
from core.ids import new_id
from tests.conftest import Books
from tests.webhooks.conftest import Shop
from tests.webhooks.kafka import Published, mock_cluster, read_topic
from webhooks import serializers
from webhooks.models import Event, EventStream, UnpublishedEvent
from webhooks.queries import stream_backlog
from webhooks.services import publish as publishing
from webhooks.services import record_event
from webhooks.services.publish import publish
from webhooks.services.relay import relay
from webhooks.stream import Record, Sent, Stream

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def servers_() -> Iterator[str]:
    with mock_cluster() as servers:
        yield servers


@pytest.fixture
def topic(servers_: str, settings: Any) -> Iterator[str]:
    """Test mode's topic, of a stream that this test alone uses."""
    settings.KAFKA_BOOTSTRAP_SERVERS = servers_
    settings.KAFKA_OPTIONS = {"bootstrap.servers": servers_, "log_level": 3}
    UnpublishedEvent.objects.all().delete()
    _rested()
    publishing._shared._stream = None
    yield f"{settings.KAFKA_TOPIC_PREFIX}.test.events"
    publishing._shared._stream = None


def _rested() -> None:
    EventStream.objects.update(holder="", lease_until=None, failing_since=None, retry_at=None, last_error="")


def _tell(shop: Shop, object_id: str, times: int = 1, **more: Any) -> list[str]:
    """Events of one object, each in a transaction of its own; their ids."""
    told = []
    for _ in range(times):
        with transaction.atomic():
            event = record_event(
                merchant_id=shop.merchant.pk,
                livemode=more.get("livemode", False),
                type="charge.updated",
                object_id=object_id,
                data={"id": object_id, "object": "charge", "amount": 1_000},
            )
        told.append(event.public_id)
    return told


def _first_copies(found: list[Published], object_id: str) -> list[str]:
    return list(dict.fromkeys(record.headers["id"] for record in found if record.key == object_id))


def test_an_event_goes_to_its_modes_topic_under_its_objects_key(
    shop: Shop, topic: str, servers_: str
) -> None:
    (event,) = _tell(shop, "ch_a")
    (live,) = _tell(shop, "ch_b", livemode=True)
    relay()
    assert publish() == 2
    (record,) = read_topic(servers_, topic)
    assert record.key == "ch_a"
    assert record.headers == {
        "id": event,
        "type": "charge.updated",
        "aggregatetype": "charge",
        "sequence": "1",
    }
    (other,) = read_topic(servers_, topic.replace("test", "live"))
    assert (other.headers["id"], json.loads(other.value)["livemode"]) == (live, True)
    assert stream_backlog() == (0, None)


def test_what_is_published_is_the_event_of_the_api(shop: Shop, topic: str, servers_: str) -> None:
    data = {"id": "ch_1", "object": "charge", "amount": 1_000, "description": "Grüße"}
    event = shop.event(
        data=data, previous_attributes={"amount": 7}, request_id="req_1", idempotency_key="key"
    )
    relay()
    publish()
    (record,) = read_topic(servers_, topic)
    event.refresh_from_db()
    shown = serializers.event(event, pending_webhooks=0)
    for how_it_is_sent in ("api_version", "pending_webhooks"):
        shown.pop(how_it_is_sent)
    assert json.loads(record.value) == shown | {"account": shop.merchant.public_id}


def test_without_a_broker_nothing_is_kept_for_one(shop: Shop, settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    before = UnpublishedEvent.objects.count()
    shop.event()
    relay()
    assert UnpublishedEvent.objects.count() == before
    assert publish() == 0


def test_a_broker_that_is_down_costs_nothing_but_time(
    shop: Shop, topic: str, servers_: str, settings: Any
) -> None:
    told = _tell(shop, "ch_down", 3)
    relay()
    nowhere = Stream({"bootstrap.servers": "127.0.0.1:9", "log_level": 2}, send_seconds=1)
    assert publish(stream=nowhere) == 0
    state = EventStream.objects.get()
    assert state.failing_since is not None
    assert state.last_error
    assert state.lease_until is None
    count, oldest = stream_backlog()
    assert count == 3
    assert oldest is not None
    client = Client()
    client.force_login(User.objects.create_superuser(new_id("user")))
    assert "3 events not on Kafka yet" in client.get("/admin/").content.decode()
    assert publish() == 0, "it is left alone for some seconds"
    EventStream.objects.update(retry_at=timezone.now())
    assert publish() == 3
    assert _first_copies(read_topic(servers_, topic), "ch_down") == told
    assert EventStream.objects.filter(failing_since=None, last_error="").exists()


def test_staff_hear_of_a_stream_that_stands_still_and_of_its_return(shop: Shop, topic: str) -> None:
    _tell(shop, "ch_alert")
    relay()
    nowhere = Stream({"bootstrap.servers": "127.0.0.1:9", "log_level": 2}, send_seconds=1)
    publish(stream=nowhere)
    assert not Alert.objects.filter(kind="event_stream_stalled").exists()
    EventStream.objects.update(failing_since=timezone.now() - timedelta(minutes=6), retry_at=timezone.now())
    publish(stream=nowhere)
    alert = Alert.objects.get(kind="event_stream_stalled")
    assert "1 wait" in alert.message
    EventStream.objects.update(retry_at=timezone.now())
    publish()
    alert.refresh_from_db()
    assert alert.state == "resolved"


class Watched(Stream):
    """Looks, while it speaks to the broker, at what the database knows of this process."""

    def __init__(self, options: Any, books: Books) -> None:
        super().__init__(options)
        self._books = books
        self.open_transactions: list[int] = []

    def send(self, records: Any) -> Sent:
        assert not connection.in_atomic_block
        assert connection.connection is None, "it went back to the pool"
        with self._books.superuser() as raw:
            found = raw.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL "
                "AND backend_type = 'client backend'"
            ).fetchone()
        assert found is not None
        self.open_transactions.append(found[0])
        return super().send(records)


def test_no_transaction_is_open_while_the_broker_is_spoken_to(
    shop: Shop, topic: str, books: Books, settings: Any
) -> None:
    _tell(shop, "ch_watched", 5)
    relay()
    stream = Watched(settings.KAFKA_OPTIONS, books)
    assert publish(stream=stream) == 5
    assert stream.open_transactions == [0]
    with transaction.atomic(), pytest.raises(RuntimeError, match="don't run it inside another"):
        relay()
    _tell(shop, "ch_watched")
    relay()
    with (
        transaction.atomic(),
        pytest.raises(RuntimeError, match="no network call inside a database transaction"),
    ):
        publish(stream=stream)
    assert stream.open_transactions == [0], "it was not even asked"


class Interrupted(Stream):
    """Ends as a crash between send and mark would: the broker has the records, we do not know it."""

    def send(self, records: Any) -> Sent:
        super().send(records)
        raise KeyboardInterrupt


def test_a_crash_between_send_and_mark_repeats_and_loses_nothing(
    shop: Shop, topic: str, servers_: str, settings: Any
) -> None:
    told = _tell(shop, "ch_crash", 5)
    relay()
    with pytest.raises(KeyboardInterrupt):
        publish(stream=Interrupted(settings.KAFKA_OPTIONS))
    assert UnpublishedEvent.objects.count() == 5
    assert publish() == 0, "the dead publisher's lease holds"
    EventStream.objects.update(lease_until=timezone.now())
    told += _tell(shop, "ch_crash", 2)
    relay()
    assert publish() == 7
    found = read_topic(servers_, topic)
    assert len(found) == 12
    assert _first_copies(found, "ch_crash") == told


def test_an_event_waits_for_the_one_before_it_that_is_still_in_the_outbox(
    shop: Shop, topic: str, servers_: str
) -> None:
    first, second = _tell(shop, "ch_gap", 2)
    # As if one of two relays had been slower with the first.
    later = Event.objects.get(public_id=second)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM webhooks_outbox WHERE event_id = %s", [later.pk])
    UnpublishedEvent.objects.create(event=later)
    (other,) = _tell(shop, "ch_other")
    UnpublishedEvent.objects.create(event=Event.objects.get(public_id=other))
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM webhooks_outbox o USING webhooks_event e WHERE e.id = o.event_id "
            "AND e.object_id = 'ch_other'"
        )
    assert publish() == 1
    relay()
    assert publish() == 2
    assert _first_copies(read_topic(servers_, topic), "ch_gap") == [first, second]


def test_publishers_and_relays_at_once_keep_each_objects_order(
    shop: Shop, topic: str, servers_: str, settings: Any
) -> None:
    """Leases are taken away from publishers all the time, which each have a producer of their own."""
    objects = [new_id("ch") for _ in range(5)]
    told: dict[str, list[str]] = {}
    writing = threading.Event()
    writing.set()

    def write(object_id: str) -> None:
        try:
            told[object_id] = _tell(shop, object_id, 40)
        finally:
            connection.close()

    def work(stream: Stream | None) -> None:
        try:
            while writing.is_set() or stream_backlog()[0]:
                relay()
                EventStream.objects.update(lease_until=None)
                if stream is not None:
                    holder = new_id("hold")
                    if publishing._take_lease(holder):
                        publishing._publish(holder, stream, 5)
        finally:
            connection.close()

    streams = [Stream(settings.KAFKA_OPTIONS) for _ in range(2)]
    workers = [threading.Thread(target=work, args=(stream,)) for stream in (*streams, None)]
    writers = [threading.Thread(target=write, args=(object_id,)) for object_id in objects]
    for thread in (*workers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    relay()
    writing.clear()
    for thread in workers:
        thread.join()
    found = read_topic(servers_, topic)
    for object_id in objects:
        assert _first_copies(found, object_id) == told[object_id]


def test_what_the_producer_refuses_stops_all_that_follows() -> None:
    """A gap would let a later event of the same object overtake it."""
    with mock_cluster() as servers:
        stream = Stream({"bootstrap.servers": servers, "message.max.bytes": 2_000, "log_level": 2})
        records = [
            Record(number, "t", "ch_1", value, {})
            for number, value in enumerate([b"small", b"x" * 5_000, b"small too"])
        ]
        sent = stream.send(records)
        assert sent.error
        assert 2 not in sent.confirmed
        assert stream.send(records[:1]) == Sent([0], "")
