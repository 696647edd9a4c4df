"""What the rest of Tollgate may ask of webhooks."""

from webhooks.services.events import record_event

__all__ = ["record_event"]
