"""Processors' notifications: kept once by their id, then applied. Each is a hint to look our reference up, so it
does no harm when it comes twice, late, or before its own news."""

import logging
from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone

from core.db import load_statement, release_connection, run_statement
from core.faults import fault_point
from core.redaction import redact
from payments import routing
from payments.attempts import Actor
from payments.models import Operation
from payments.services.disputes import learn_disputes
from payments.services.learn import learn
from webhooks.models import Notification

CLAIM_NOTIFICATIONS = load_statement("claim_notifications.sql")
BATCH = 50
# What processors call the news of a dispute, by its beginning.
DISPUTE_KINDS = ("dispute.", "charge.dispute.")
# The lease of whoever applies one, and the time to the next try where the processor did not tell.
NEXT_SECONDS = (30, 120, 600, 3600)
# After that the news is left to the sweeper and to whoever compares the books.
MOST_TRIES = 24

log = logging.getLogger("tollgate.payments")
after_keeping = fault_point("notification.after_keeping")
before_applied = fault_point("notification.before_applied")


class UnknownProcessor(Exception):
    """No processor of that name is set up."""


def take_in(processor: str, *, body: bytes, headers: Mapping[str, str], now: float) -> bool:
    """Keeps a genuine notification; whether it is new. NotificationRefused, UnknownProcessor."""
    if processor not in settings.PROCESSORS:
        raise UnknownProcessor(processor)
    told = routing.processor(processor).read_notification(body=body, headers=headers, now=now)
    _, new = Notification.objects.get_or_create(
        processor=processor,
        notification_id=told.id[:100],
        defaults={
            "reference": told.reference[:64],
            "kind": told.kind[:60],
            "body": redact(body.decode("utf-8", "replace").replace("\x00", "")),
            # What is about nothing of ours is kept, and that is all.
            **({} if told.reference else {"applied_at": timezone.now(), "next_attempt_at": None}),
        },
    )
    after_keeping()
    return new


def apply_notifications() -> int:
    """Applies those that are due; how many. Two at once never take the same one."""
    values = {"limit": BATCH, "delays": list(NEXT_SECONDS), "most_tries": MOST_TRIES}
    due = run_statement(CLAIM_NOTIFICATIONS, values)
    for row in due:
        try:
            _apply(row.id, row.processor, row.reference, row.kind)
        except Exception:
            log.exception("notification %s could not be applied", row.id)
        finally:
            release_connection()
    return len(due)


def _apply(notification_id: int, processor: str, reference: str, kind: str) -> None:
    operation = Operation.objects.select_related("charge").filter(public_id=reference, processor=processor)
    if (ours := operation.first()) is None:
        return
    actor = Actor(f"notification:{processor}")
    of_dispute = kind.startswith(DISPUTE_KINDS)
    if learn_disputes(ours.charge, actor) if of_dispute and ours.charge else learn(reference, actor):
        before_applied()
        Notification.objects.filter(pk=notification_id).update(
            applied_at=timezone.now(), next_attempt_at=None
        )
