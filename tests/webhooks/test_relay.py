"""The relay: every committed event reaches every endpoint that wants it, once, whatever runs beside it."""

import threading
from collections import Counter

import pytest
from django.db import connection, transaction

from tests.webhooks.conftest import Shop
from webhooks.models import Delivery, Event, OutboxEntry
from webhooks.services import record_event
from webhooks.services.relay import relay

pytestmark = pytest.mark.usefixtures("books")

URL = "http://127.0.0.1:9/hooks"


def test_an_event_is_part_of_its_change(shop: Shop) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        record_event(
            merchant_id=shop.merchant.pk, livemode=False, type="charge.succeeded", object_id="ch_1", data={}
        )
        raise RuntimeError("the change fails")
    assert not Event.objects.filter(merchant=shop.merchant).exists()
    assert not OutboxEntry.objects.exists()
    with pytest.raises(RuntimeError, match="belongs to the transaction"):
        record_event(
            merchant_id=shop.merchant.pk, livemode=False, type="charge.succeeded", object_id="ch_1", data={}
        )
    with pytest.raises(ValueError, match=r"charge\.exploded"), transaction.atomic():
        record_event(
            merchant_id=shop.merchant.pk, livemode=False, type="charge.exploded", object_id="ch_1", data={}
        )


def test_endpoints_get_what_they_asked_for(shop: Shop) -> None:
    everything = shop.endpoint(URL)
    exact = shop.endpoint(URL, "charge.refunded", "refund.created")
    group = shop.endpoint(URL, "charge.*")
    subgroup = shop.endpoint(URL, "charge.dispute.*")
    for type in ("charge.refunded", "charge.dispute.created", "payment_intent.created"):
        shop.event(type)
    assert relay() == 7
    made = Delivery.objects.values_list("endpoint", "event__type").filter(event__merchant=shop.merchant)
    assert sorted(made) == [
        (everything.pk, "charge.dispute.created"),
        (everything.pk, "charge.refunded"),
        (everything.pk, "payment_intent.created"),
        (exact.pk, "charge.refunded"),
        (group.pk, "charge.dispute.created"),
        (group.pk, "charge.refunded"),
        (subgroup.pk, "charge.dispute.created"),
    ]


def test_events_stay_with_their_merchant_and_mode(shop: Shop) -> None:
    from merchants.services import create_merchant

    other = create_merchant("Another shop")
    shop.endpoint(URL)
    shop.endpoint("https://shop.example/hooks", livemode=True)
    Shop(other.merchant, other.keys).endpoint(URL)
    shop.event(livemode=True)
    relay()
    assert shop.deliveries() == {"https://shop.example/hooks": "pending"}
    assert Delivery.objects.filter(event__merchant=shop.merchant).count() == 1


def test_an_event_without_a_listener_leaves_the_outbox(shop: Shop) -> None:
    shop.event()
    assert relay() == 0
    assert not OutboxEntry.objects.exists()


def test_an_event_that_commits_late_is_relayed_after_later_ones(shop: Shop) -> None:
    """The lower id commits after the higher one was relayed: a cursor would have passed it by."""
    shop.endpoint(URL)
    recorded, may_commit = threading.Event(), threading.Event()
    late: list[Event] = []

    def slow_change() -> None:
        try:
            with transaction.atomic():
                late.append(
                    record_event(
                        merchant_id=shop.merchant.pk,
                        livemode=False,
                        type="charge.succeeded",
                        object_id="ch_late",
                        data={},
                    )
                )
                recorded.set()
                may_commit.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slow_change)
    thread.start()
    assert recorded.wait(10)
    early = shop.event()
    assert early.pk > late[0].pk
    assert relay() == 1
    may_commit.set()
    thread.join()
    assert relay() == 1
    told = Delivery.objects.filter(event__merchant=shop.merchant).values_list("event_id", flat=True)
    assert sorted(told) == [late[0].pk, early.pk]


def test_relays_at_once_neither_lose_nor_double(shop: Shop) -> None:
    shop.endpoint(URL)
    shop.endpoint(URL, "charge.*")
    writing = threading.Event()
    writing.set()

    def work() -> None:
        try:
            while writing.is_set() or OutboxEntry.objects.exists():
                relay()
        finally:
            connection.close()

    relays = [threading.Thread(target=work) for _ in range(4)]
    for thread in relays:
        thread.start()
    for _ in range(20):
        with transaction.atomic():
            for _ in range(50):
                shop.event()
    writing.clear()
    for thread in relays:
        thread.join()
    events = Event.objects.filter(merchant=shop.merchant).values_list("pk", flat=True)
    told = Counter(Delivery.objects.filter(event__merchant=shop.merchant).values_list("event_id", flat=True))
    assert len(events) == 1_000
    assert told == dict.fromkeys(events, 2)
