"""An event that tells of nothing, to try an endpoint with."""

from core.db import in_transaction
from core.errors import InvalidRequest
from webhooks import serializers
from webhooks.models import Delivery, Event, WebhookEndpoint


@in_transaction
def send_test_event(endpoint_id: int) -> Delivery:
    """`webhook_endpoint.test`, to this endpoint alone, whatever it asks for; `data.object` is the endpoint. Listed
    among the merchant's events. InvalidRequest where the endpoint is not enabled."""
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
    if endpoint.state != WebhookEndpoint.State.ENABLED:
        raise InvalidRequest(f"{endpoint.public_id} is not enabled: nothing is sent to it.")
    # Not by way of the outbox, from which every endpoint is served.
    event = Event.objects.create(
        merchant_id=endpoint.merchant_id,
        livemode=endpoint.livemode,
        type="webhook_endpoint.test",
        object_id=endpoint.public_id,
        data=serializers.webhook_endpoint(endpoint),
    )
    return Delivery.objects.create(event=event, endpoint=endpoint)
