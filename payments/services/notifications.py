"""Processors' notifications: kept once by their id, then applied. Each is a hint to look our reference up, so it
does no harm when it comes twice, late, or before its own news. One that is ahead of our own books waits for its turn;
one that is about nothing we know waits too, and then asks for a person."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from controls.services import raise_alert, resolve_alert
from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from core.logs import logger
from core.redaction import redact_bytes
from core.trail import follow
from payments import routing
from payments.attempts import Actor
from payments.models import Operation
from payments.queries import that_took_money
from payments.services.disputes import learn_disputes
from payments.services.learn import learn
from payments.services.timing import LOOK_TIMEOUT_SECONDS
from processors.protocol import DisputeDesk, Unknown
from webhooks.models import Notification

CLAIM_NOTIFICATIONS = load_statement("claim_notifications.sql")
BATCH = 50
# What processors call the news of a dispute, by its beginning.
DISPUTE_KINDS = ("dispute.", "charge.dispute.")
LEASE_SECONDS = 30
# To the next try, where the processor did not tell.
NEXT_SECONDS = (30, 120, 600, 3600)
# After that the news is left to the sweeper and to whoever compares the books.
MOST_TRIES = 24
# About a quarter of an hour: what nobody knows by then, no request of ours that is still running will explain.
TRIES_BEFORE_A_PERSON = 4
# One that is ahead of our books waits for a call that is under way: its turn comes within seconds, or not soon.
AHEAD_SECONDS = 3
PATIENT_TRIES = 6

NOT_OURS = "Nothing of ours has the reference that it names."
AHEAD = "It is ahead of our own books: its payment has not come so far."
SILENT = "The processor does not say what became of it."
ALERT = "notification_not_applied"

log = logger("tollgate.payments")
after_keeping = fault_point("notification.after_keeping")
before_applied = fault_point("notification.before_applied")


class UnknownProcessor(Exception):
    """No processor of that name is set up."""


def take_in(processor: str, *, body: bytes, headers: Mapping[str, str], now: float) -> bool:
    """Keeps a genuine notification as it came; whether it is new. NotificationRefused, UnknownProcessor."""
    if processor not in settings.PROCESSORS:
        raise UnknownProcessor(processor)
    told = routing.processor(processor).read_notification(body=body, headers=headers, now=now)
    kept = redact_bytes(body)
    _, new = Notification.objects.get_or_create(
        processor=processor,
        notification_id=told.id[:100],
        defaults={
            "reference": told.reference[:64],
            "dispute_id": told.dispute_id[:100],
            "kind": told.kind[:60],
            "body": kept,
            "redacted": kept != body,
            # What is about nothing of ours is kept, and that is all.
            **(
                {}
                if told.reference or told.dispute_id
                else {"applied_at": timezone.now(), "next_attempt_at": None}
            ),
        },
    )
    after_keeping()
    return new


def apply_notifications() -> int:
    """Applies those that are due; how many. Two at once never take the same one."""
    due = run_statement(CLAIM_NOTIFICATIONS, {"limit": BATCH, "lease_seconds": LEASE_SECONDS})
    for row in due:
        # Which request it answers is known once our reference is found.
        with follow("", task="notification", notification=row.id, processor=row.processor):
            try:
                problem = _apply(row)
                before_applied()
                _write_down(row, problem)
                log.info("notification", problem=problem)
            except Exception as error:
                log.exception("notification could not be applied")
                _write_down(row, f"It could not be applied: {type(error).__name__}.")
            finally:
                release_connection()
    return len(due)


def _apply(row: Any) -> str:
    """Why it is not applied; nothing where it is."""
    actor = Actor(f"notification:{row.processor}")
    reference = row.reference or _reference_of(row)
    if reference is None:
        return SILENT
    operation = Operation.objects.select_related("charge").filter(
        public_id=reference, processor=row.processor
    )
    if (ours := operation.first()) is None:
        return NOT_OURS
    if ours.charge is None or not row.kind.startswith(DISPUTE_KINDS):
        return "" if learn(reference, actor) else SILENT
    charge = that_took_money(ours.charge)
    if charge is None:
        # Nothing is disputed that was not taken: what became of our own question comes first.
        learn(reference, actor)
        charge = that_took_money(ours.charge)
    if charge is None:
        return AHEAD
    return "" if learn_disputes(charge, actor) else SILENT


def _reference_of(row: Any) -> str | None:
    """Our reference of the charge that is disputed, by its processor; None where it does not say."""
    desk = routing.processor(row.processor)
    if not isinstance(desk, DisputeDesk):
        return None
    release_connection()
    report = desk.look_up_dispute(row.dispute_id, timeout_seconds=LOOK_TIMEOUT_SECONDS)
    return None if isinstance(report, Unknown) else report.reference


def _next_try(problem: str, tries: int) -> datetime | None:
    if tries > MOST_TRIES:
        return None
    patient = problem == AHEAD and tries <= PATIENT_TRIES
    seconds = AHEAD_SECONDS if patient else NEXT_SECONDS[min(tries, len(NEXT_SECONDS)) - 1]
    return timezone.now() + timedelta(seconds=seconds)


@in_transaction
def _write_down(row: Any, problem: str) -> None:
    own = Notification.objects.filter(pk=row.id)
    subject = f"{row.processor}:{row.notification_id}"
    if not problem:
        own.update(applied_at=timezone.now(), next_attempt_at=None, problem="")
        resolve_alert(kind=ALERT, subject=subject, actor="beat", reason="It was applied.")
        return
    own.update(problem=problem, next_attempt_at=_next_try(problem, row.attempts))
    if row.attempts > MOST_TRIES or (problem == NOT_OURS and row.attempts >= TRIES_BEFORE_A_PERSON):
        raise_alert(
            kind=ALERT,
            subject=subject,
            message=f"{row.processor} notified us of {row.kind} ({row.reference or row.dispute_id}). {problem}",
            livemode=settings.PROCESSORS[row.processor].get("livemode"),
            data={"processor": row.processor, "reference": row.reference, "notification": row.id},
        )
