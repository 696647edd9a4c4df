"""An endpoint that answers nothing for days is disabled, visibly; one that answers now and then is not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from controls.models import Alert
from tests.webhooks.conftest import Shop, send, time_passes
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, Event, WebhookEndpoint
from webhooks.services.endpoints import update_endpoint
from webhooks.services.watch import DISABLE_AFTER, disable_failing_endpoints

pytestmark = pytest.mark.usefixtures("books")


def days_pass(endpoint: WebhookEndpoint) -> None:
    endpoint.refresh_from_db()
    assert endpoint.failing_since is not None
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        failing_since=endpoint.failing_since - DISABLE_AFTER - timedelta(minutes=1)
    )


def test_days_of_only_failures_disable_it_and_everyone_is_told(shop: Shop, receiver: Receiver) -> None:
    with Receiver(status=500) as broken:
        endpoint = shop.endpoint(broken.url)
        shop.endpoint(receiver.url)
        event = shop.event()
        send()
        assert disable_failing_endpoints() == 0
        days_pass(endpoint)
        assert disable_failing_endpoints() == 1
    endpoint.refresh_from_db()
    assert endpoint.state == "disabled" and "No delivery has succeeded since" in endpoint.disabled_reason
    stopped = Delivery.objects.get(event=event, endpoint=endpoint)
    assert (stopped.state, stopped.last_error) == ("given_up", "the endpoint was disabled")
    told = Event.objects.get(merchant=shop.merchant, type="webhook_endpoint.disabled")
    assert told.data["disabled_reason"] == endpoint.disabled_reason
    assert told.previous_attributes == {"status": "enabled", "disabled_reason": None}
    alert = Alert.objects.get(subject=endpoint.public_id)
    assert (alert.kind, alert.state, alert.merchant_id) == (
        "webhook_endpoint_disabled", "open", shop.merchant.pk,
    )  # fmt: skip
    send()
    types = [received.headers["webhook-id"] for received in receiver.received]
    assert told.public_id in types, "the merchant's other endpoint hears of it"

    update_endpoint(
        merchant_id=shop.merchant.pk, livemode=False, public_id=endpoint.public_id, disabled=False
    )
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_reason, endpoint.failing_since) == ("enabled", "", None)
    alert.refresh_from_db()
    assert alert.state == "resolved"


def test_one_success_ends_the_count(shop: Shop, receiver: Receiver) -> None:
    receiver.status = 500
    endpoint = shop.endpoint(receiver.url)
    shop.event()
    send()
    days_pass(endpoint)
    receiver.status = 200
    time_passes()
    send()
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None
    assert disable_failing_endpoints() == 0


def test_failures_are_counted_from_the_first(shop: Shop, receiver: Receiver) -> None:
    receiver.status = 500
    endpoint = shop.endpoint(receiver.url)
    shop.event()
    send()
    endpoint.refresh_from_db()
    first = endpoint.failing_since
    time_passes()
    send()
    endpoint.refresh_from_db()
    assert first is not None and first <= timezone.now() and endpoint.failing_since == first
