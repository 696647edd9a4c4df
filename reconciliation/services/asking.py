"""Asks processors about what their reports say and our books have no end of: the answer is booked by payments' own
services, and the rules then see it."""

import logging
from datetime import timedelta

from django.utils import timezone

from core.db import release_connection
from payments.attempts import Actor
from payments.models import Operation
from payments.services.disputes import learn_disputes
from payments.services.learn import learn
from reconciliation import kinds
from reconciliation.models import Break, BreakEntry

# Notifications and the sweeper mostly come first.
MINUTES = timedelta(minutes=5)
AGAIN = timedelta(hours=1)
MOST_AT_ONCE = 20
KINDS = ("missing_here", "timing", "status", "orphan_refund", "orphan_dispute")
BY_RULE = Actor(kinds.RULES)

log = logging.getLogger("tollgate.reconciliation")


def ask_again(*, older_than: timedelta = MINUTES) -> int:
    """How many breaks were asked about: those that wait for us longer than minutes, each once an hour."""
    now = timezone.now()
    lately = BreakEntry.objects.filter(kind="asked", at__gt=now - AGAIN).values("about")
    waiting = Break.objects.filter(
        state=Break.State.OPEN, kind__in=KINDS, line__isnull=False, opened_at__lte=now - older_than
    ).exclude(pk__in=lately)
    asked = 0
    for one in list(waiting.select_related("line").order_by("since")[:MOST_AT_ONCE]):
        ours = Operation.objects.select_related("charge").filter(
            public_id=one.reference, processor=one.source
        )
        if operation := ours.first():
            BreakEntry.objects.create(
                about=one, kind="asked", actor=kinds.RULES, text=f"{one.source} is asked.", state=one.state
            )
            _ask(one, operation)
            asked += 1
    return asked


def _ask(one: Break, operation: Operation) -> None:
    try:
        assert one.line is not None
        if one.line.kind.startswith("dispute") and operation.charge:
            learn_disputes(operation.charge, BY_RULE)
        else:
            learn(operation.public_id, BY_RULE)
    except Exception:
        # The others need not wait for what is wrong with this one.
        log.exception("%s could not be asked about %s", one.source, one)
    finally:
        release_connection()
