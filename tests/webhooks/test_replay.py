"""Nothing is thrown away: what an endpoint missed can be sent again, one, a time, or all since then."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from psycopg.errors import CheckViolation, RestrictViolation

from core.db import release_connection
from core.errors import InvalidRequest
from tests.conftest import Books
from tests.webhooks.conftest import Shop, send, time_passes
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, Replay, WebhookEndpoint
from webhooks.services.endpoints import update_endpoint
from webhooks.services.resend import ask_for_replay, carry_out_replays, finish_replay, resend
from webhooks.services.trial import send_test_event

pytestmark = pytest.mark.usefixtures("books")


def switch(shop: Shop, endpoint: WebhookEndpoint, *, disabled: bool) -> None:
    update_endpoint(
        merchant_id=shop.merchant.pk, livemode=False, public_id=endpoint.public_id, disabled=disabled
    )


def an_hour_ago() -> Any:
    return timezone.now() - timedelta(hours=1)


def replay(endpoint: WebhookEndpoint, **asked: Any) -> int:
    return finish_replay(ask_for_replay(endpoint, since=an_hour_ago(), asked_by="a test", **asked))


def in_a_thread(work: Callable[[], int]) -> int:
    try:
        return work()
    finally:
        release_connection()


def ids(receiver: Receiver) -> list[str]:
    return [received.headers["webhook-id"] for received in receiver.received]


def test_all_that_a_disabled_endpoint_missed_is_sent_when_asked_for(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url, "charge.*")
    got = shop.event()
    send()
    switch(shop, endpoint, disabled=True)
    missed = {shop.event().public_id, shop.event("charge.updated").public_id}
    shop.event("refund.created")
    send()
    with pytest.raises(InvalidRequest, match="not enabled"):
        replay(endpoint)
    switch(shop, endpoint, disabled=False)
    assert replay(endpoint) == 2
    send()
    assert ids(receiver)[0] == got.public_id
    assert set(ids(receiver)[1:]) == missed
    assert replay(endpoint) == 0, "nothing is missing any more"
    assert replay(endpoint, only_missed=False) == 3
    send()
    assert len(receiver.received) == 6


def test_a_range_ends_before_its_end(shop: Shop, receiver: Receiver) -> None:
    early = shop.event()
    border = timezone.now()
    shop.event()
    send()
    endpoint = shop.endpoint(receiver.url)
    assert replay(endpoint, until=border) == 1
    send()
    assert ids(receiver) == [early.public_id]


def test_many_are_replayed_in_batches_by_whoever_is_there(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.services.resend.BATCH", 7)
    sent = [shop.event().public_id for _ in range(30)]
    send()
    endpoint = shop.endpoint(receiver.url)
    asked = ask_for_replay(endpoint, since=an_hour_ago(), asked_by="a test")
    assert carry_out_replays(budget_seconds=0) == 0
    steps: list[tuple[int, str]] = []

    def beside_beat(so_far: Replay) -> None:
        steps.append((so_far.events, so_far.state))
        if len(steps) == 1:
            with ThreadPoolExecutor(2) as beats:
                through = [beats.submit(in_a_thread, carry_out_replays) for _ in range(2)]
            assert sum(one.result() for one in through) >= 1

    assert finish_replay(asked, progress=beside_beat) == 30
    assert steps == [(7, "running"), (30, "done")]
    assert (asked.made, asked.percent) == (30, 100)
    send()
    assert sorted(ids(receiver)) == sorted(sent)


def test_a_replay_stops_where_its_endpoint_is_disabled(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.services.resend.BATCH", 2)
    for _ in range(5):
        shop.event()
    endpoint = shop.endpoint(receiver.url, "refund.*")
    update_endpoint(
        merchant_id=shop.merchant.pk, livemode=False, public_id=endpoint.public_id, enabled_events=["*"]
    )
    asked = ask_for_replay(endpoint, since=an_hour_ago(), asked_by="a test")
    with pytest.raises(InvalidRequest, match="2 events were to be sent until then"):
        finish_replay(asked, progress=lambda so_far: switch(shop, endpoint, disabled=True))
    assert 0 < asked.percent <= 100
    assert asked.state == "stopped"
    assert carry_out_replays() == 0
    assert not Delivery.objects.filter(endpoint=endpoint, next_attempt_at__isnull=False).exists()


def test_postgresql_keeps_what_was_asked_for(shop: Shop, receiver: Receiver, books: Books) -> None:
    asked = ask_for_replay(shop.endpoint(receiver.url), since=an_hour_ago(), asked_by="a test")
    finish_replay(asked)
    with books.superuser() as raw:
        for attack in ("SET state = 'running', finished_at = NULL", "SET state = 'stopped'"):
            with pytest.raises(CheckViolation):
                raw.execute(f"UPDATE webhooks_replay {attack} WHERE id = {asked.pk}")
        with pytest.raises(RestrictViolation):
            raw.execute(f"UPDATE webhooks_replay SET asked_by = 'nobody' WHERE id = {asked.pk}")
        with pytest.raises(RestrictViolation):
            raw.execute("DELETE FROM webhooks_replay")


def test_what_was_given_up_gets_the_whole_schedule_again(shop: Shop, receiver: Receiver) -> None:
    receiver.status = 500
    shop.endpoint(receiver.url)
    event = shop.event()
    send()
    delivery = Delivery.objects.get(event=event)
    Delivery.objects.filter(pk=delivery.pk).update(
        state="given_up", next_attempt_at=None, give_up_at=timezone.now(), failures=20
    )
    assert resend([delivery.pk]) == 1
    send()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.failures) == ("given_up", 1)
    assert delivery.next_attempt_at is not None and delivery.give_up_at is not None
    assert delivery.next_attempt_at < timezone.now() + timedelta(minutes=1)
    receiver.status = 200
    time_passes()
    send()
    delivery.refresh_from_db()
    assert delivery.state == "succeeded"
    assert not Delivery.objects.filter(pk=delivery.pk, next_attempt_at__isnull=False).exists()


def test_the_command_sends_what_was_missed(shop: Shop, receiver: Receiver, capsys: Any) -> None:
    event = shop.event()
    send()
    endpoint = shop.endpoint(receiver.url)
    call_command("replay_webhooks", endpoint.public_id, "--since", an_hour_ago().isoformat())
    assert "1 events will be sent" in capsys.readouterr().out
    send()
    assert ids(receiver) == [event.public_id]
    with pytest.raises(CommandError, match="no webhook endpoint we_nowhere"):
        call_command("replay_webhooks", "we_nowhere", "--since", "2026-01-01")
    with pytest.raises(CommandError, match="'yesterday' is no time"):
        call_command("replay_webhooks", endpoint.public_id, "--since", "yesterday")


def test_a_test_event_goes_to_one_endpoint_whatever_it_asks_for(shop: Shop, receiver: Receiver) -> None:
    with Receiver() as other:
        shop.endpoint(other.url)
        endpoint = shop.endpoint(receiver.url, "refund.*")
        send_test_event(endpoint.pk)
        send()
        assert other.received == []
    (received,) = receiver.received
    event = received.event(endpoint.secret)
    assert (event.type, event.data.object["id"]) == ("webhook_endpoint.test", endpoint.public_id)
    assert b"whsec_" not in received.body
    switch(shop, endpoint, disabled=True)
    with pytest.raises(InvalidRequest, match="not enabled"):
        send_test_event(endpoint.pk)
