"""Endpoints to which nothing has got through for days are disabled, and everyone is told."""

from datetime import timedelta

from django.utils import timezone

from controls.services import raise_alert
from core.db import in_transaction
from webhooks import serializers
from webhooks.kick import kick
from webhooks.models import WebhookEndpoint
from webhooks.services.endpoints import ENDPOINT_DISABLED, stop_deliveries
from webhooks.services.events import record_event

# Longer than a delivery is tried for: what began to fail first has had all its tries before the others are stopped.
DISABLE_AFTER = timedelta(days=5)

State = WebhookEndpoint.State


def disable_failing_endpoints() -> int:
    """How many were disabled. What they missed can be sent again when they are back."""
    late = WebhookEndpoint.objects.filter(
        state=State.ENABLED, failing_since__lt=timezone.now() - DISABLE_AFTER
    )
    disabled = sum(_disable(pk) for pk in late.order_by("pk").values_list("pk", flat=True))
    if disabled:
        kick()
    return disabled


@in_transaction
def _disable(pk: int) -> bool:
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=pk)
    since = endpoint.failing_since
    if endpoint.state != State.ENABLED or since is None or since > timezone.now() - DISABLE_AFTER:
        return False
    before = serializers.webhook_endpoint(endpoint)
    endpoint.state = State.DISABLED
    endpoint.disabled_reason = f"No delivery has succeeded since {since:%Y-%m-%d %H:%M} UTC."
    endpoint.save(update_fields=["state", "disabled_reason"])
    stop_deliveries(endpoint)
    record_event(
        merchant_id=endpoint.merchant_id,
        livemode=endpoint.livemode,
        type="webhook_endpoint.disabled",
        object_id=endpoint.public_id,
        data=serializers.webhook_endpoint(endpoint),
        previous_attributes={"status": before["status"], "disabled_reason": before["disabled_reason"]},
    )
    raise_alert(
        kind=ENDPOINT_DISABLED,
        subject=endpoint.public_id,
        message=f"Webhooks to {endpoint.url} were stopped. {endpoint.disabled_reason} Tell the merchant; what was "
        "missed can be sent again from the endpoint's page.",
        livemode=endpoint.livemode,
        merchant_id=endpoint.merchant_id,
    )
    return True
