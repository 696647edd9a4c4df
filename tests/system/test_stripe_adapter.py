"""The adapter of Stripe against a running gateway as its peer: two independent halves of one wire."""

import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import stripe
import urllib3

from core.ids import new_id
from merchants.services import NewMerchant
from processors.protocol import (
    ActionRequired,
    Approved,
    Declined,
    Failed,
    NotFound,
    NotSent,
    Tombstoned,
)
from processors.stripe import StripeProcessor
from processors.vault import VaultClient
from tests.processors.shop import AMOUNT, CHALLENGED_CARD, DECLINED_CARD, Shop
from tests.support import processes
from tests.support.eventually import eventually
from tests.support.processes import Process, System
from tests.support.servers import SHARED_SECRET, Servers
from tests.vault.room import new_merchant
from tests.webhooks.receiver import Receiver

RETURNING_CARD = "4000000000005126"
http = urllib3.PoolManager(retries=False, timeout=30)


@pytest.fixture(scope="module")
def vault_beside(system: System, servers: Servers) -> Iterator[Process]:
    """Our own vault, which may send cards to the peer."""
    folder = system.folder / "the adapters vault"
    folder.mkdir()
    process = processes.vault(folder, servers.vault_environment(), banks=[system.web.url])
    process.start()
    yield process
    process.stop()


@pytest.fixture
def adapter(system: System, vault_beside: Process, shop: NewMerchant) -> StripeProcessor:
    """`shop` is what we are to the peer: one of its merchants."""
    vault = VaultClient(vault_beside.url, SHARED_SECRET)
    return StripeProcessor(name="peer", vault=vault, key=shop.keys["sk_test"], base_url=system.web.url)


@pytest.fixture
def ours(vault_beside: Process, adapter: StripeProcessor) -> Shop:
    vault = VaultClient(vault_beside.url, SHARED_SECRET)
    return Shop(new_merchant(vault, vault_beside.url), adapter)


def answer_challenge(challenge: ActionRequired, outcome: str) -> None:
    """What the cardholder's browser does: a button, and the way back to the peer, which goes on from there."""
    answered = http.request(
        "POST",
        challenge.redirect_url,
        body=urlencode({"outcome": outcome}),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        redirect=False,
    )
    assert answered.status == 303, answered.data
    back = http.request("GET", answered.headers["Location"], redirect=False)
    assert back.headers["Location"].startswith("https://shop.example/back?")


def test_sale_is_made_once_and_found_by_our_reference(ours: Shop) -> None:
    order = ours.order()
    sold = ours.send(order)
    assert isinstance(sold, Approved)
    assert (sold.amount_minor, sold.checks["cvc"]) == (AMOUNT, "pass")
    assert sold.authorization_code
    assert ours.send(order) == sold
    assert ours.look_up(order.reference) == sold


def test_capture_takes_part_of_what_is_held(ours: Shop) -> None:
    held = ours.held()
    captured = ours.capture(held, 4_000)
    assert isinstance(captured, Approved)
    assert captured.amount_minor == 4_000
    too_late = ours.void(held)
    assert isinstance(too_late, Declined)


def test_void_frees_what_is_held(ours: Shop) -> None:
    order = ours.order(capture=False)
    held = ours.send(order)
    assert isinstance(held, Approved)
    assert isinstance(ours.void(held.processor_id), Approved)
    assert isinstance(ours.capture(held.processor_id), Declined)
    assert isinstance(ours.look_up(order.reference), Tombstoned)


def test_refunds_are_found_by_our_reference_and_end_where_the_money_does(ours: Shop) -> None:
    sold, reference = ours.sold(), new_id("op")
    refunded = ours.refund(sold, 2_500, reference)
    assert isinstance(refunded, Approved)
    assert refunded.amount_minor == 2_500
    assert ours.refund(sold, 2_500, reference) == refunded
    assert ours.look_up(reference) == refunded
    too_much = ours.refund(sold, AMOUNT)
    assert isinstance(too_much, Declined | NotSent)
    assert isinstance(ours.refund(sold, 7_500), Approved)


def test_refund_that_came_back_is_failed(ours: Shop) -> None:
    reference = new_id("op")
    assert isinstance(ours.refund(ours.sold(RETURNING_CARD), 2_500, reference), Approved)
    failed = eventually(
        lambda: found if isinstance(found := ours.look_up(reference), Failed) else None, seconds=60
    )
    assert failed.reason == "expired_or_canceled_card"


def test_decline_has_the_banks_reason(ours: Shop) -> None:
    order = ours.order(DECLINED_CARD)
    assert ours.send(order) == Declined("insufficient_funds")
    found = ours.look_up(order.reference)
    assert isinstance(found, Declined)
    assert found.decline_code == "insufficient_funds"


class TestChallenges:
    def test_success_is_what_completion_says(self, ours: Shop) -> None:
        order = ours.order(CHALLENGED_CARD)
        challenge = ours.challenged(order)
        assert isinstance(ours.complete(challenge.processor_id), ActionRequired)
        answer_challenge(challenge, "succeed")
        done = eventually(
            lambda: said if isinstance(said := ours.complete(challenge.processor_id), Approved) else None
        )
        assert (done.processor_id, done.amount_minor) == (challenge.processor_id, AMOUNT)
        assert isinstance(ours.look_up(order.reference), Approved)

    def test_failure_is_a_decline(self, ours: Shop) -> None:
        challenge = ours.challenged()
        answer_challenge(challenge, "fail")
        refused = eventually(
            lambda: said if isinstance(said := ours.complete(challenge.processor_id), Declined) else None
        )
        assert refused.decline_code

    def test_void_ends_it(self, ours: Shop) -> None:
        challenge = ours.challenged()
        assert isinstance(ours.void(challenge.processor_id), Approved)
        assert isinstance(ours.complete(challenge.processor_id), Tombstoned)

    def test_without_a_way_back_it_is_a_decline(self, ours: Shop) -> None:
        assert ours.send(ours.order(CHALLENGED_CARD, return_url="")) == Declined("authentication_required")


class TestReferences:
    def test_what_was_never_sent_is_not_found_and_once_voided_never_will_be(self, ours: Shop) -> None:
        order = ours.order()
        assert ours.look_up(order.reference) == NotFound()
        assert isinstance(ours.void_by_reference(order.reference), Tombstoned)
        assert isinstance(ours.void_by_reference(order.reference), Tombstoned)
        assert isinstance(ours.send(order), Tombstoned)
        assert isinstance(ours.look_up(order.reference), Tombstoned)

    def test_what_is_held_is_freed_and_what_was_taken_stands(self, ours: Shop) -> None:
        held, sold = ours.order(capture=False), ours.order()
        assert isinstance(ours.send(held), Approved)
        taken = ours.send(sold)
        assert isinstance(ours.void_by_reference(held.reference), Tombstoned)
        assert ours.void_by_reference(sold.reference) == taken


def test_the_peers_webhooks_are_our_notifications(
    system: System, ours: Shop, shop: NewMerchant, vault_beside: Process
) -> None:
    with Receiver() as receiver:
        peer = stripe.StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url})
        endpoint = peer.v1.webhook_endpoints.create(
            {"url": receiver.url, "enabled_events": ["payment_intent.succeeded"]}
        )
        order = ours.order()
        ours.send(order)
        receiver.wait_for(1, seconds=30)
        arrived = receiver.received[0]
    adapter = StripeProcessor(
        name="peer",
        vault=VaultClient(vault_beside.url, SHARED_SECRET),
        key=shop.keys["sk_test"],
        base_url=system.web.url,
        notification_secret=str(endpoint.secret),
    )
    headers = {name.lower(): value for name, value in arrived.headers.items()}
    notification = adapter.read_notification(body=arrived.body, headers=headers, now=time.time())
    assert (notification.reference, notification.kind) == (order.reference, "payment_intent.succeeded")
