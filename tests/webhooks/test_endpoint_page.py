"""An endpoint's page in the console: how it is, and what staff may do about it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controls.models import AuditEntry
from tests.webhooks.conftest import Shop, send
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_admin import logged_in
from webhooks.models import WebhookEndpoint
from webhooks.queries import endpoint_health, relay_lag
from webhooks.services.relay import relay
from webhooks.services.resend import carry_out_replays

pytestmark = pytest.mark.usefixtures("books")

MAY = ("view_webhookendpoint", "change_webhookendpoint")


@pytest.fixture
def endpoint(shop: Shop, receiver: Receiver) -> WebhookEndpoint:
    return shop.endpoint(receiver.url)


def use(console: Client, name: str, endpoint: WebhookEndpoint, **given: Any) -> Any:
    """Opens the form and sends it."""
    url = reverse(f"admin:webhooks_endpoint_{name}", args=[endpoint.pk])
    form = console.get(url)
    assert form.status_code == 200, form.content
    nonce = re.search(r'name="nonce" value="(\w+)"', form.content.decode())
    assert nonce is not None
    return console.post(url, {"nonce": nonce[1], **given}, follow=True)


def test_it_says_how_the_endpoint_is(shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
    console = logged_in("view_webhookendpoint")
    url = reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk])
    assert "Nothing was sent to it yet" in console.get(url).content.decode()
    for status in (200, 200, 200, 500):
        receiver.status = status
        shop.event()
        send()
    page = console.get(url).content.decode()
    health = endpoint_health(endpoint)
    assert (health.success_rate, health.backlog, health.given_up) == ("75.0 %", 1, 0)
    assert health.last_success_at is not None
    assert "75.0 %" in page and "answered 500" in page
    assert endpoint.secret not in page
    assert "Replace the secret" not in page, "who may only look is offered nothing"


def test_what_it_offers_needs_the_permission(endpoint: WebhookEndpoint) -> None:
    console = logged_in("view_webhookendpoint")
    for name in ("test", "replay", "roll", "switch"):
        url = reverse(f"admin:webhooks_endpoint_{name}", args=[endpoint.pk])
        assert console.get(url).status_code == console.post(url).status_code == 403


def test_a_test_event_is_sent(receiver: Receiver, endpoint: WebhookEndpoint) -> None:
    assert use(logged_in(*MAY), "test", endpoint).status_code == 200
    send()
    assert [got.event(endpoint.secret).type for got in receiver.received] == ["webhook_endpoint.test"]
    assert AuditEntry.objects.get(object_name=str(endpoint)).summary == "Sent a test event."


def test_the_secret_is_replaced_and_shown_once(
    shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    console, old = logged_in(*MAY), endpoint.secret
    page = use(console, "roll", endpoint, overlap="3600")
    endpoint.refresh_from_db()
    assert endpoint.secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert (endpoint.previous_secret, endpoint.secret != old) == (old, True)
    shown = console.get(reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk]))
    assert endpoint.secret not in shown.content.decode()
    again = console.post(
        reverse("admin:webhooks_endpoint_roll", args=[endpoint.pk]), {"nonce": "used", "overlap": "0"}
    )
    assert again.status_code == 302
    before = endpoint.secret
    endpoint.refresh_from_db()
    assert endpoint.secret == before, "a form that was used already rolls nothing"


def test_what_was_missed_is_sent_from_the_page(
    shop: Shop, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    console = logged_in(*MAY)
    use(console, "switch", endpoint)
    endpoint.refresh_from_db()
    assert endpoint.state == "disabled"
    event = shop.event()
    send()
    use(console, "switch", endpoint)
    since = timezone.now() - timedelta(hours=1)
    backward = use(
        console, "replay", endpoint, which="missed", since=f"{since:%Y-%m-%dT%H:%M}", until="2020-01-01T00:00"
    )
    assert "must come after" in backward.content.decode()
    page = use(console, "replay", endpoint, which="missed", since=f"{since:%Y-%m-%dT%H:%M}")
    assert "0 %" in page.content.decode()
    assert receiver.received == [], "nothing of it is done while somebody waits for the page"
    assert carry_out_replays() == 1
    url = reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk])
    assert "100 %" in console.get(url).content.decode()
    send()
    assert [got.headers["webhook-id"] for got in receiver.received] == [event.public_id]


def test_the_relays_lag_is_seen(shop: Shop) -> None:
    assert relay_lag().events == 0 and relay_lag().oldest is None
    shop.event()
    lag = relay_lag()
    assert lag.events == 1 and lag.oldest is not None and lag.oldest <= timezone.now()
    home = logged_in("view_delivery").get(reverse("admin:index")).content.decode()
    assert "1 event not handed to the senders yet" in home
    relay()
    assert relay_lag().events == 0
