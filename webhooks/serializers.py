"""Events and endpoints as the API shows them. An event's is also the body of its webhook."""

from datetime import datetime
from typing import Any, Protocol

from merchants.answers import API_VERSION
from webhooks.models import Delivery, DeliveryAttempt, WebhookEndpoint
from webhooks.queries import Health


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


def delivery(row: Delivery) -> dict[str, Any]:
    """What became of an event at an endpoint, with each attempt."""
    return {
        "id": row.event.public_id,
        "object": "webhook_delivery",
        "attempts": [_attempt(one) for one in row.attempt_rows.all()],
        "created": _unix(row.created_at),
        "endpoint": row.endpoint.public_id,
        "event": row.event.public_id,
        "livemode": row.event.livemode,
        "next_attempt": _unix(row.next_attempt_at) if row.next_attempt_at else None,
        "status": row.state,
        "type": row.event.type,
    }


def _attempt(row: DeliveryAttempt) -> dict[str, Any]:
    return {
        "answer": row.answer,
        "created": _unix(row.at),
        "duration_ms": row.duration_ms,
        "error": row.error or None,
        "number": row.number,
        "status_code": row.status,
    }


def health(endpoint: WebhookEndpoint, seen: Health) -> dict[str, Any]:
    return {
        "object": "webhook_endpoint_health",
        "endpoint": endpoint.public_id,
        "failing_since": _unix(endpoint.failing_since) if endpoint.failing_since else None,
        "given_up": seen.given_up,
        "last_success": _unix(seen.last_success_at) if seen.last_success_at else None,
        "oldest_waiting": _unix(seen.oldest) if seen.oldest else None,
        "succeeded": seen.succeeded,
        "tried": seen.decided,
        "waiting": seen.backlog,
    }


def deleted_webhook_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {"id": endpoint.public_id, "object": "webhook_endpoint", "deleted": True}


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())
