"""Raises and resolves alerts. Both are one statement, part of the caller's transaction: an alert is there exactly
when the change that it tells of is."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from controls.models import Alert

# Threads that raise the same alert wait for each other here, and all but the first count it up. Who waited may
# bring an earlier clock than the one that is stored.
RAISE = """
    INSERT INTO controls_alert AS alert
        (kind, subject, message, livemode, merchant_id, currency, amount_minor, data)
    VALUES (%(kind)s, %(subject)s, %(message)s, %(livemode)s, %(merchant_id)s, %(currency)s, %(amount_minor)s,
            %(data)s::jsonb)
    ON CONFLICT (kind, subject) WHERE state = 'open' DO UPDATE
    SET message = excluded.message, currency = excluded.currency, amount_minor = excluded.amount_minor,
        data = excluded.data, times = alert.times + 1,
        last_seen_at = greatest(alert.last_seen_at, excluded.last_seen_at)
    RETURNING *
"""


def raise_alert(
    *,
    kind: str,
    subject: str,
    message: str,
    livemode: bool | None = None,
    merchant_id: int | None = None,
    currency: str = "",
    amount_minor: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> Alert:
    """Asks staff to look, inside the caller's transaction. `kind` names the rule, `subject` the thing; while such
    an alert is open, raising it again only counts it up and renews its words, amount and data.

    ValueError for an alert without kind, subject or message.
    """
    if not (kind and subject and message):
        raise ValueError(f"An alert needs kind, subject and message, not {kind!r}, {subject!r}, {message!r}.")
    values = {
        "kind": kind,
        "subject": subject,
        "message": message,
        "livemode": livemode,
        "merchant_id": merchant_id,
        "currency": currency,
        "amount_minor": amount_minor,
        "data": json.dumps(dict(data or {}), cls=DjangoJSONEncoder),
    }
    return Alert.objects.raw(RAISE, values)[0]


def resolve_alert(*, kind: str, subject: str, actor: str, reason: str, alert_id: int | None = None) -> bool:
    """Ends the open alert of this kind and subject, inside the caller's transaction, and says who did and why.
    False where none is open. With `alert_id`, only that one: it may have been resolved and raised anew meanwhile.

    ValueError without actor or reason.
    """
    if not (actor.strip() and reason.strip()):
        raise ValueError(f"Alert {kind} {subject} is resolved by somebody and for a reason.")
    open_alert = Alert.objects.filter(kind=kind, subject=subject, state=Alert.State.OPEN)
    if alert_id is not None:
        open_alert = open_alert.filter(pk=alert_id)
    resolved = open_alert.update(
        state=Alert.State.RESOLVED, resolved_at=timezone.now(), resolved_by=actor, resolved_reason=reason
    )
    return bool(resolved)
