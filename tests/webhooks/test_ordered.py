"""At an endpoint that keeps order, nothing of an object overtakes what came before it."""

import threading

import psycopg
import pytest
from django.utils import timezone

from tests.webhooks.conftest import Shop, send, time_passes
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.services.deliver import deliver_due
from webhooks.services.relay import relay

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def endpoint(shop: Shop, receiver: Receiver) -> WebhookEndpoint:
    made = shop.endpoint(receiver.url)
    made.ordered = True
    made.save()
    return made


def arrived(receiver: Receiver, endpoint: WebhookEndpoint) -> list[tuple[str, int]]:
    events = [received.event(endpoint.secret) for received in receiver.received]
    return [(event.data.object["id"], event["sequence"]) for event in events]


def tell(shop: Shop, object_id: str) -> None:
    shop.event(object_id=object_id, data={"id": object_id})


def test_events_of_one_object_arrive_one_after_the_other(
    shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    receiver.delay_seconds = 0.02
    objects = [f"ch_{number}_of_{shop.merchant.pk}" for number in range(3)]
    for _ in range(8):
        for object_id in objects:
            tell(shop, object_id)
    send()
    got = arrived(receiver, endpoint)
    assert len(got) == 24
    for object_id in objects:
        assert [sequence for other, sequence in got if other == object_id] == list(range(1, 9))


def test_what_fails_holds_back_its_own_object_only(
    shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    first, other = f"ch_a{shop.merchant.pk}", f"ch_b{shop.merchant.pk}"
    receiver.status = 500
    tell(shop, first)
    send()
    receiver.status = 200
    tell(shop, first)
    tell(shop, other)
    send()
    assert arrived(receiver, endpoint) == [(first, 1), (other, 1)]
    time_passes()
    send()
    assert arrived(receiver, endpoint)[2:] == [(first, 1), (first, 2)]


def test_what_was_given_up_holds_nothing_back(
    shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    object_id = f"ch_{shop.merchant.pk}"
    receiver.status = 500
    tell(shop, object_id)
    tell(shop, object_id)
    send()
    first = Delivery.objects.filter(endpoint=endpoint).order_by("pk")[0]
    Delivery.objects.filter(pk=first.pk).update(give_up_at=timezone.now(), next_attempt_at=timezone.now())
    send()
    first.refresh_from_db()
    assert first.state == Delivery.State.GIVEN_UP
    receiver.status = 200
    time_passes()
    send()
    assert arrived(receiver, endpoint)[-1] == (object_id, 2)


def test_what_another_relay_still_holds_is_waited_for(
    books: object, shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    """Its delivery is not there yet; the outbox says that it will be."""
    object_id = f"ch_{shop.merchant.pk}"
    tell(shop, object_id)
    first = shop.event(object_id=object_id, data={"id": object_id})
    with psycopg.connect(books.servers.application_url(books.name)) as slow:  # type: ignore[attr-defined]
        slow.execute(
            "SELECT FROM webhooks_outbox WHERE event_id < %s ORDER BY event_id FOR UPDATE", [first.pk]
        )
        assert relay() == 1
        deliver_due()
        assert receiver.received == []
        slow.rollback()
    relay()
    time_passes()
    deliver_due()
    assert arrived(receiver, endpoint) == [(object_id, 1), (object_id, 2)]


def test_two_senders_keep_the_order(shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
    object_id = f"ch_{shop.merchant.pk}"
    for _ in range(20):
        tell(shop, object_id)
    relay()
    threads = [threading.Thread(target=deliver_due) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver_due()
    assert [sequence for _, sequence in arrived(receiver, endpoint)] == list(range(1, 21))


def test_the_next_in_line_comes_before_all_that_have_to_wait(shop: Shop, endpoint: WebhookEndpoint) -> None:
    """In a long line, what has waited stands at its end by then: each turn of an object would take a whole round."""
    object_id = f"ch_{shop.merchant.pk}"
    for _ in range(3):
        tell(shop, object_id)
    relay()
    first, second, third = Delivery.objects.filter(endpoint=endpoint).order_by("pk")
    # They had to wait, and that is over; only then it is the first one's turn.
    Delivery.objects.filter(pk__in=[second.pk, third.pk]).update(next_attempt_at=timezone.now())
    assert deliver_due(budget_seconds=0) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    third.refresh_from_db()
    assert first.state == Delivery.State.SUCCEEDED
    assert second.next_attempt_at == second.created_at
    assert third.next_attempt_at is not None and third.next_attempt_at > third.created_at
