"""Events and endpoints as the API shows them. An event's is also the body of its webhook."""

from datetime import datetime
from typing import Any, Protocol

from merchants.answers import API_VERSION
from webhooks.models import WebhookEndpoint


class EventFacts(Protocol):
    """What is shown of an event: the model's fields, or a row of claim.sql, whose JSON stays text."""

    public_id: Any
    type: Any
    livemode: Any
    created_at: Any
    data: Any
    previous_attributes: Any
    request_id: Any
    idempotency_key: Any
    sequence: Any


def event(facts: EventFacts, pending_webhooks: int) -> dict[str, Any]:
    data = {"object": facts.data}
    if facts.previous_attributes is not None:
        data["previous_attributes"] = facts.previous_attributes
    return {
        "id": facts.public_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": _unix(facts.created_at),
        "data": data,
        "livemode": facts.livemode,
        "pending_webhooks": pending_webhooks,
        "request": {"id": facts.request_id or None, "idempotency_key": facts.idempotency_key or None},
        # Ours; SDKs hand on what they do not know. Which of two events of one object came later.
        "sequence": facts.sequence,
        "type": facts.type,
    }


def webhook_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Without the secret, which only the answer to its making shows."""
    return {
        "id": endpoint.public_id,
        "object": "webhook_endpoint",
        "api_version": endpoint.api_version,
        "application": None,
        "created": _unix(endpoint.created_at),
        "description": endpoint.description,
        # Ours: why it is disabled where nobody asked for that, and whether it keeps order.
        "disabled_reason": endpoint.disabled_reason or None,
        "enabled_events": endpoint.enabled_events,
        "livemode": endpoint.livemode,
        "metadata": endpoint.metadata,
        "ordered": endpoint.ordered,
        "status": endpoint.state,
        "url": endpoint.url,
    }


def deleted_webhook_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {"id": endpoint.public_id, "object": "webhook_endpoint", "deleted": True}


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())
