"""Webhooks are signed in two ways, and with two secrets while one follows the other."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.webhooks.conftest import Shop, send
from tests.webhooks.receiver import Receiver
from webhooks.models import WebhookEndpoint
from webhooks.services.endpoints import roll_secret

pytestmark = pytest.mark.usefixtures("books")


def roll(shop: Shop, endpoint: WebhookEndpoint, *, overlap_seconds: int) -> WebhookEndpoint:
    return roll_secret(
        merchant_id=shop.merchant.pk,
        livemode=False,
        public_id=endpoint.public_id,
        overlap_seconds=overlap_seconds,
    )


def test_standard_webhooks_library_accepts_the_same_secret(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event()
    send()
    (received,) = receiver.received
    read: Any = Webhook(endpoint.secret).verify(received.body, received.headers)
    assert read["id"] == received.headers["webhook-id"] == event.public_id
    assert received.headers["Tollgate-Sequence"] == str(read["sequence"])
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(received.body, received.headers)


def test_each_attempt_is_signed_anew(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    shop.event()
    send()
    stamp = int(receiver.received[0].headers["webhook-timestamp"])
    assert abs(stamp - datetime.now(UTC).timestamp()) < 120
    assert f"t={stamp}," in receiver.received[0].headers["Stripe-Signature"]
    assert endpoint.secret not in str(receiver.received[0].headers)


def test_old_and_new_secret_sign_until_the_chosen_time(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    old = endpoint.secret
    new = roll(shop, endpoint, overlap_seconds=3_600).secret
    assert new != old
    shop.event()
    send()
    (both,) = receiver.received
    for secret in (old, new):
        assert both.event(secret).object == "event"
        Webhook(secret).verify(both.body, both.headers)

    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(previous_secret_until=timezone.now())
    shop.event()
    send()
    after = receiver.received[1]
    assert after.event(new).object == "event"
    with pytest.raises(stripe.SignatureVerificationError):
        after.event(old)


def test_a_leaked_secret_stops_at_once(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    leaked = endpoint.secret
    roll(shop, endpoint, overlap_seconds=60)
    roll(shop, endpoint, overlap_seconds=0)
    shop.event()
    send()
    assert receiver.received[0].headers["Stripe-Signature"].count("v1=") == 1
    with pytest.raises(stripe.SignatureVerificationError):
        receiver.received[0].event(leaked)
