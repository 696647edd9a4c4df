"""The types of events, as Stripe names them, and what an endpoint may ask for. Pure."""

EVENT_TYPES = (
    "balance.available",
    "charge.captured",
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.expired",
    "charge.failed",
    "charge.refund.updated",
    "charge.refunded",
    "charge.succeeded",
    "charge.updated",
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payout.canceled",
    "payout.created",
    "payout.failed",
    "payout.paid",
    "payout.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "review.closed",
    "review.opened",
    # Ours: Stripe writes an email instead.
    "webhook_endpoint.disabled",
    "webhook_endpoint.test",
)
# Stripe's, of what we do not have: an endpoint that was set up there may ask for them. They never come.
NEVER_SENT = (
    "customer.created",
    "customer.deleted",
    "customer.updated",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
)


def matches(pattern: str, event_type: str) -> bool:
    """`*` is every event, `charge.*` all that begin with `charge.`; else the very type. As in relay.sql."""
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type


def is_known(pattern: str) -> bool:
    """Whether any event that we emit can match, or one that may be asked for all the same."""
    return any(matches(pattern, event_type) for event_type in (*EVENT_TYPES, *NEVER_SENT))
