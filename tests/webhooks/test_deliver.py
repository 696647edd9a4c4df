"""Deliveries: signed, retried, independent of one another, and sent only where they may go."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.utils import timezone

from tests.webhooks.conftest import Shop, send, time_passes
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, DeliveryAttempt
from webhooks.sender import TIMEOUT_SECONDS
from webhooks.services.deliver import deliver_due
from webhooks.services.endpoints import delete_endpoint, update_endpoint
from webhooks.services.relay import relay
from webhooks.services.resend import resend

pytestmark = pytest.mark.usefixtures("books")

ROOT = Path(__file__).resolve().parent.parent.parent


def test_stripes_sdk_accepts_the_signature_and_only_with_the_right_secret(
    shop: Shop, receiver: Receiver
) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event()
    send()
    (received,) = receiver.received
    assert received.event(endpoint.secret).id == event.public_id
    with pytest.raises(stripe.SignatureVerificationError):
        received.event("whsec_another")


def test_the_body_is_the_event_as_stripe_shows_it(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event(
        "charge.refunded",
        previous_attributes={"amount_refunded": 0},
        request_id="req_1",
        idempotency_key="key-1",
    )
    send()
    (received,) = receiver.received
    assert received.headers["Content-Type"] == "application/json; charset=utf-8"
    assert received.headers["User-Agent"].startswith("Tollgate/")
    event.refresh_from_db()
    assert received.event(endpoint.secret).to_dict() == {
        "id": event.public_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(event.created_at.timestamp()),
        "data": {
            "object": {"id": "ch_1", "object": "charge", "amount": 1_000},
            "previous_attributes": {"amount_refunded": 0},
        },
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": "key-1"},
        "sequence": event.sequence,
        "type": "charge.refunded",
    }


def test_a_receiver_that_was_down_gets_it_later(shop: Shop) -> None:
    with Receiver() as before:
        endpoint = shop.endpoint(before.url)
    event = shop.event()
    send()
    delivery = Delivery.objects.get(event=event)
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("pending", 1, None)
    assert "refused" in delivery.last_error.lower() or "connect" in delivery.last_error.lower()
    assert delivery.next_attempt_at is not None and delivery.next_attempt_at > timezone.now()

    with Receiver(port=before.port) as after:
        send()
        assert after.received == [], "not before it is due"
        time_passes()
        send()
        assert [received.event(endpoint.secret).id for received in after.received] == [event.public_id]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("succeeded", 2)
    assert delivery.next_attempt_at is None
    assert list(delivery.attempt_rows.values_list("number", "status")) == [(1, None), (2, 200)]


def test_an_answer_other_than_2xx_is_a_failure_whose_beginning_is_kept(
    shop: Shop, receiver: Receiver
) -> None:
    receiver.status = 500
    receiver.answer = b"card 4242 4242 4242 4242 \x00 " + b"x" * 5_000
    shop.endpoint(receiver.url)
    event = shop.event()
    send()
    attempt = DeliveryAttempt.objects.get(delivery__event=event)
    assert (attempt.status, attempt.error) == (500, "answered 500")
    assert attempt.answer.startswith("card [card …4242]") and len(attempt.answer) <= 1_024
    assert shop.deliveries() == {receiver.url: "pending"}


def test_a_receiver_that_asks_for_a_pause_gets_it(shop: Shop, receiver: Receiver) -> None:
    receiver.status, receiver.retry_after = 429, "1800"
    shop.endpoint(receiver.url)
    event = shop.event()
    send()
    due = Delivery.objects.get(event=event).next_attempt_at
    assert due is not None
    assert timedelta(minutes=29) < due - timezone.now() <= timedelta(minutes=30)


def test_a_redirect_is_not_followed(shop: Shop, receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        receiver.status, receiver.location = 302, elsewhere.url
        shop.endpoint(receiver.url)
        event = shop.event()
        send()
        assert elsewhere.received == []
    assert Delivery.objects.get(event=event).last_error == "answered 302; redirects are not followed"


def test_one_dead_endpoint_of_many_takes_no_time_from_the_others(shop: Shop) -> None:
    with Receiver(delay_seconds=60) as dead, Receiver() as alive:
        shop.endpoint(dead.url)
        for number in range(10):
            shop.endpoint(f"{alive.url}/{number}")
        for _ in range(40):
            shop.event()
        relay()
        started = time.monotonic()
        sender = threading.Thread(target=deliver_due)
        sender.start()
        alive.wait_for(400, seconds=TIMEOUT_SECONDS)
        shop.event()
        relay()
        alive.wait_for(410, seconds=TIMEOUT_SECONDS)
        took = time.monotonic() - started
        held = len(dead.received)
        dead.closing.set()
        sender.join()
    assert len(alive.received) == 410, "what came later is sent too while the dead endpoint still hangs"
    assert took < TIMEOUT_SECONDS
    assert held <= 4


def test_an_answer_that_takes_too_long_is_a_failure(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.sender.TIMEOUT_SECONDS", 0.3)
    receiver.delay_seconds = 30
    shop.endpoint(receiver.url)
    event = shop.event()
    started = time.monotonic()
    send()
    assert time.monotonic() - started < 20
    assert Delivery.objects.get(event=event).last_error == "no answer within 0.3 s"


def test_it_is_given_up_visibly_three_days_after_the_first_failure(shop: Shop, receiver: Receiver) -> None:
    receiver.status = 503
    shop.endpoint(receiver.url)
    event = shop.event()
    send()
    delivery = Delivery.objects.get(event=event)
    assert delivery.give_up_at is not None
    assert timedelta(days=2, hours=23) < delivery.give_up_at - timezone.now() <= timedelta(days=3)
    Delivery.objects.filter(pk=delivery.pk).update(give_up_at=timezone.now())
    time_passes()
    send()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.next_attempt_at) == ("given_up", None)
    assert delivery.last_error == "answered 503"


def test_a_crash_between_sending_and_recording_only_sends_again(
    shop: Shop, receiver: Receiver, books: Any, tmp_path: Path
) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event()
    relay()
    (tmp_path / "deliver.before_record").write_text("kill")
    program = (
        "import django; django.setup(); from webhooks.services.deliver import deliver_due; deliver_due()"
    )
    environment = os.environ | books.environment()
    environment |= {"FAULTS_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    crashed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False)
    assert crashed.returncode == -9
    assert len(receiver.received) == 1

    delivery = Delivery.objects.get(event=event)
    assert (delivery.state, delivery.attempts) == ("pending", 0)
    send()
    assert len(receiver.received) == 1, "the lease still runs"
    time_passes()
    send()
    assert [got.event(endpoint.secret).id for got in receiver.received] == [event.public_id] * 2
    assert shop.deliveries() == {receiver.url: "succeeded"}


def test_two_senders_at_once_send_each_delivery_once(shop: Shop, receiver: Receiver, books: Any) -> None:
    shop.endpoint(receiver.url)
    sent = {shop.event().public_id for _ in range(200)}
    relay()
    program = (
        "import django; django.setup(); from webhooks.services.deliver import deliver_due; deliver_due()"
    )
    environment = os.environ | books.environment() | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    others = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment) for _ in range(2)]
    deliver_due()
    assert [other.wait() for other in others] == [0, 0]
    ids = [json.loads(got.body)["id"] for got in receiver.received]
    assert len(ids) == 200 and set(ids) == sent


def test_a_deleted_endpoint_is_sent_nothing_more(shop: Shop, receiver: Receiver) -> None:
    receiver.status = 500
    endpoint = shop.endpoint(receiver.url)
    event = shop.event()
    send()
    delete_endpoint(merchant_id=shop.merchant.pk, livemode=False, public_id=endpoint.public_id)
    delivery = Delivery.objects.get(event=event)
    assert (delivery.state, delivery.last_error) == ("given_up", "the endpoint was deleted")
    shop.event()
    time_passes()
    send()
    assert len(receiver.received) == 1
    assert Delivery.objects.filter(endpoint=endpoint).count() == 1


def test_a_disabled_endpoint_stops_and_an_enabled_one_gets_what_comes_then(
    shop: Shop, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint = shop.endpoint(receiver.url)
    shop.event()
    send()
    where: dict[str, Any] = {
        "merchant_id": shop.merchant.pk,
        "livemode": False,
        "public_id": endpoint.public_id,
    }
    update_endpoint(**where, disabled=True)
    shop.event()
    time_passes()
    send()
    assert len(receiver.received) == 1
    update_endpoint(**where, disabled=False)
    last = shop.event()
    receiver.status = 200
    send()
    assert receiver.received[-1].event(endpoint.secret).id == last.public_id
    assert len(receiver.received) == 2


def test_a_resend_is_never_blocked_by_what_was_before(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event()
    send()
    delivery = Delivery.objects.get(event=event)
    assert resend([delivery.pk]) == 1
    send()
    assert len(receiver.received) == 2
    receiver.status = 500
    resend([delivery.pk])
    send()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == ("succeeded", 3, None)

    another = shop.event()
    relay()
    given_up = Delivery.objects.get(event=another)
    Delivery.objects.filter(pk=given_up.pk).update(state="given_up", next_attempt_at=None)
    receiver.status = 200
    assert resend([given_up.pk]) == 1
    send()
    given_up.refresh_from_db()
    assert (given_up.state, given_up.attempts) == ("succeeded", 1)
    assert Delivery.objects.filter(endpoint=endpoint).count() == 2


def test_a_resend_during_an_attempt_goes_out_after_it(shop: Shop, receiver: Receiver) -> None:
    receiver.delay_seconds = 0.5
    shop.endpoint(receiver.url)
    event = shop.event()
    relay()
    sender = threading.Thread(target=deliver_due)
    sender.start()
    while not receiver.received:
        time.sleep(0.01)
    resend(Delivery.objects.filter(event=event).values_list("pk", flat=True))
    sender.join()
    send()
    assert len(receiver.received) == 2


def test_a_resend_to_a_disabled_endpoint_is_refused(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event()
    send()
    delete_endpoint(merchant_id=shop.merchant.pk, livemode=False, public_id=endpoint.public_id)
    assert resend([Delivery.objects.get(event=event).pk]) == 0
    send()
    assert len(receiver.received) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_name_that_leads_to_a_private_address_is_refused_in_production(
    shop: Shop, receiver: Receiver, settings: Any, host: str
) -> None:
    shop.endpoint(f"http://{host}:{receiver.port}/hooks")
    event = shop.event()
    settings.WEBHOOKS_ALLOW_LOOPBACK = False
    send()
    assert receiver.received == []
    assert "is not a public address" in Delivery.objects.get(event=event).last_error
