"""Webhook endpoints and events as Stripe's SDK sees them."""

from typing import Any

import pytest
import stripe

from merchants.services import create_merchant
from tests.webhooks.conftest import Shop, send
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, WebhookEndpoint

pytestmark = pytest.mark.usefixtures("books")

URL = "http://127.0.0.1:9/hooks"


def create(client: stripe.StripeClient, **params: Any) -> Any:
    options = params.pop("options", {})
    return client.v1.webhook_endpoints.create(
        {"url": URL, "enabled_events": ["charge.*"], **params},  # type: ignore[typeddict-item]
        options,
    )


def test_the_secret_is_shown_once(client: stripe.StripeClient, receiver: Receiver, shop: Shop) -> None:
    made = create(client, url=receiver.url, description="orders", metadata={"team": "a"})
    assert made.secret.startswith("whsec_")
    assert {**made.to_dict(), "created": 0, "secret": "", "id": ""} == {
        "id": "",
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": 0,
        "description": "orders",
        "disabled_reason": None,
        "enabled_events": ["charge.*"],
        "livemode": False,
        "metadata": {"team": "a"},
        "ordered": False,
        "secret": "",
        "status": "enabled",
        "url": receiver.url,
    }
    shown = client.v1.webhook_endpoints.retrieve(made.id)
    assert shown.id == made.id and "secret" not in shown
    assert "secret" not in client.v1.webhook_endpoints.list().data[0]

    event = shop.event()
    send()
    assert receiver.received[0].event(made.secret).id == event.public_id


def test_the_same_key_makes_one_endpoint(client: stripe.StripeClient, shop: Shop) -> None:
    first = create(client, options={"idempotency_key": "make-it"})
    again = create(client, options={"idempotency_key": "make-it"})
    assert again.to_dict() == first.to_dict()
    assert WebhookEndpoint.objects.filter(merchant=shop.merchant).count() == 1


def test_an_endpoint_is_updated(client: stripe.StripeClient) -> None:
    made = create(client, description="orders", metadata={"team": "a", "region": "eu"})
    changed = client.v1.webhook_endpoints.update(
        made.id,
        {
            "disabled": True,
            "description": "",
            "enabled_events": ["*"],
            "metadata": {"team": "", "floor": "3"},
            "url": URL + "/2",
        },
    )
    assert (changed.status, changed.description, changed.enabled_events) == ("disabled", None, ["*"])
    assert (changed.url, changed.metadata.to_dict()) == (URL + "/2", {"region": "eu", "floor": "3"})
    back = client.v1.webhook_endpoints.update(made.id, {"disabled": False, "metadata": ""})
    assert (back.status, back.metadata.to_dict(), back.enabled_events) == ("enabled", {}, ["*"])


def test_a_deleted_endpoint_is_gone(client: stripe.StripeClient) -> None:
    made = create(client)
    assert client.v1.webhook_endpoints.delete(made.id).to_dict() == {
        "id": made.id,
        "object": "webhook_endpoint",
        "deleted": True,
    }
    assert client.v1.webhook_endpoints.list().data == []
    for call in (client.v1.webhook_endpoints.retrieve, client.v1.webhook_endpoints.delete):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call(made.id)
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"url": "ftp://example.com"}, "url_invalid", "url"),
        ({"url": "example.com/hooks"}, "url_invalid", "url"),
        ({"url": "http://exa mple.com"}, "url_invalid", "url"),
        ({"url": "http://"}, "url_invalid", "url"),
        ({"url": "https://example.com:99999/"}, "url_invalid", "url"),
        ({"enabled_events": ["charge.exploded"]}, None, "enabled_events[0]"),
        ({"enabled_events": ["charge.succeeded", "**"]}, None, "enabled_events[1]"),
        ({"api_version": "2019-01-01"}, None, "api_version"),
        ({"connect": True}, None, "connect"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"expand": ["account"]}, None, "expand"),
    ],
    ids=str,
)
def test_what_can_not_be_is_refused(
    client: stripe.StripeClient, params: dict[str, Any], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        create(client, **params)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)


def test_live_mode_wants_https_and_has_endpoints_of_its_own(api_url: str, shop: Shop) -> None:
    live = stripe.StripeClient(shop.keys["sk_live"], base_addresses={"api": api_url})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        create(live)
    assert refused.value.code == "url_invalid"
    assert create(live, url="https://shop.example/hooks").livemode is True
    test = stripe.StripeClient(shop.keys["sk_test"], base_addresses={"api": api_url})
    assert test.v1.webhook_endpoints.list().data == []


def test_there_is_a_limit_to_endpoints(client: stripe.StripeClient, shop: Shop) -> None:
    for _ in range(16):
        shop.endpoint(URL)
    with pytest.raises(stripe.InvalidRequestError, match="at most 16"):
        create(client)


def test_events_are_listed_and_narrowed(client: stripe.StripeClient, shop: Shop) -> None:
    types = ["charge.succeeded", "charge.refunded", "charge.dispute.created", "refund.created"]
    ids = {type: shop.event(type).public_id for type in types}
    assert [event.type for event in client.v1.events.list().data] == types[::-1]
    listed = client.v1.events.list({"type": "charge.*"})
    assert [event.type for event in listed.data] == types[2::-1]
    assert [event.id for event in client.v1.events.list({"type": "refund.created"}).data] == [
        ids["refund.created"]
    ]
    both = client.v1.events.list({"types": ["refund.created", "charge.succeeded"]})
    assert [event.type for event in both.data] == ["refund.created", "charge.succeeded"]
    assert client.v1.events.list({"type": "nothing.like.that"}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.list({"type": "*", "types": ["charge.succeeded"]})
    paged = client.v1.events.list({"limit": 1}).auto_paging_iter()
    assert [event.type for event in paged] == types[::-1]


def test_an_event_counts_the_endpoints_that_do_not_know_yet(
    client: stripe.StripeClient, shop: Shop, receiver: Receiver
) -> None:
    with Receiver() as gone:
        shop.endpoint(gone.url)
    shop.endpoint(receiver.url)
    event = shop.event()
    send()
    assert client.v1.events.retrieve(event.public_id).pending_webhooks == 1
    undelivered = client.v1.events.list({"delivery_success": False})
    assert [one.id for one in undelivered.data] == [event.public_id]
    assert client.v1.events.list({"delivery_success": True}).data == []
    Delivery.objects.filter(event=event).update(state="succeeded", next_attempt_at=None)
    assert client.v1.events.retrieve(event.public_id).pending_webhooks == 0
    assert len(client.v1.events.list({"delivery_success": True}).data) == 1


def test_another_merchants_events_and_endpoints_are_not_there(client: stripe.StripeClient) -> None:
    made = create_merchant("Another shop")
    other = Shop(made.merchant, made.keys)
    endpoint, event = other.endpoint(URL), other.event()
    assert client.v1.events.list().data == [] and client.v1.webhook_endpoints.list().data == []
    for call in (
        lambda: client.v1.events.retrieve(event.public_id),
        lambda: client.v1.webhook_endpoints.retrieve(endpoint.public_id),
        lambda: client.v1.webhook_endpoints.update(endpoint.public_id, {"disabled": True}),
        lambda: client.v1.webhook_endpoints.delete(endpoint.public_id),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call()
        assert refused.value.http_status == 404
    endpoint.refresh_from_db()
    assert endpoint.state == "enabled"


def roll(client: stripe.StripeClient, id: str, **params: Any) -> Any:
    """Not in the SDK's classes: it is ours."""
    answer = client.raw_request("post", f"/v1/webhook_endpoints/{id}/roll_secret", **params)
    return client.deserialize(answer, api_mode="V1")


def test_a_secret_is_rolled_and_the_old_one_goes_on_for_the_chosen_time(
    client: stripe.StripeClient, shop: Shop, receiver: Receiver
) -> None:
    made = create(client, url=receiver.url)
    rolled = roll(client, made.id, expires_in=600)
    assert rolled.secret.startswith("whsec_") and rolled.secret != made.secret
    assert "secret" not in client.v1.webhook_endpoints.retrieve(made.id)
    shop.event()
    send()
    for secret in (made.secret, rolled.secret):
        assert receiver.received[0].event(secret).object == "event"
    for seconds in (-1, 8 * 24 * 3_600):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            roll(client, made.id, expires_in=seconds)
        assert refused.value.param == "expires_in"
    with pytest.raises(stripe.InvalidRequestError) as missing:
        roll(client, "we_nowhere")
    assert missing.value.http_status == 404


def test_an_endpoint_keeps_order_where_that_is_asked_for(client: stripe.StripeClient) -> None:
    made = create(client, ordered=True)
    assert made.ordered is True
    unordered: Any = {"ordered": False}  # not in the SDK's types: it is ours
    changed = client.v1.webhook_endpoints.update(made.id, unordered)
    assert changed["ordered"] is False


def test_an_event_that_was_not_relayed_yet_counts_the_endpoints_that_want_it(
    client: stripe.StripeClient, shop: Shop
) -> None:
    shop.endpoint(URL, "charge.*")
    shop.endpoint(URL)
    shop.endpoint(URL, "refund.*")
    event = shop.event()
    assert client.v1.events.retrieve(event.public_id).pending_webhooks == 2
    assert client.v1.events.list({"delivery_success": True}).data == []
