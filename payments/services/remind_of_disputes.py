"""Deadlines of disputes: who has to answer hears of it a week, three days and one day before it is too late, each
once. The alert is on the home page until the dispute was answered."""

from datetime import datetime, timedelta

from django.utils import timezone

from controls.services import raise_alert
from core.db import in_transaction
from core.money import display
from payments.models import Dispute
from payments.services.disputes import DEADLINE_ALERT, lock_dispute

# Days before the deadline.
REMINDERS = (1, 3, 7)
BATCH = 200


def remind_of_disputes() -> int:
    """Raises the reminders that are due; how many."""
    now = timezone.now()
    coming = Dispute.objects.filter(
        state__in=Dispute.ANSWERABLE, due_by__gt=now, due_by__lte=now + timedelta(days=max(REMINDERS))
    )
    due = coming.order_by("due_by", "pk").values_list("pk", "due_by", "reminded_days")
    wanted = [pk for pk, due_by, reminded in due[:BATCH] if _is_due(due_by, reminded, now)]
    return sum(_remind(pk, now) for pk in wanted)


def _is_due(due_by: datetime | None, reminded_days: int | None, now: datetime) -> bool:
    reached = _reached(due_by, now)
    return reached is not None and (reminded_days is None or reached < reminded_days)


def _reached(due_by: datetime | None, now: datetime) -> int | None:
    """The last of the reminders whose time has come."""
    if due_by is None:
        return None
    return next((days for days in REMINDERS if due_by - now <= timedelta(days=days)), None)


@in_transaction
def _remind(dispute_id: int, now: datetime) -> bool:
    """Once, however many look at it at the same time: the lock shows what the others have done."""
    dispute = lock_dispute(dispute_id)
    if dispute.state not in Dispute.ANSWERABLE or dispute.due_by is None or dispute.wanted:
        return False
    if not _is_due(dispute.due_by, dispute.reminded_days, now):
        return False
    days = _reached(dispute.due_by, now)
    dispute.reminded_days = days
    dispute.save(update_fields=["reminded_days"])
    raise_alert(
        kind=DEADLINE_ALERT,
        subject=dispute.public_id,
        message=f"{'A day' if days == 1 else f'{days} days'} or less to answer {dispute.public_id} over "
        f"{display(dispute.amount_minor, dispute.currency)}: it is lost without an answer by "
        f"{dispute.due_by:%d %b %Y %H:%M} UTC.",
        livemode=dispute.livemode,
        merchant_id=dispute.merchant_id,
        currency=dispute.currency,
        amount_minor=dispute.amount_minor,
        data={"dispute": dispute.public_id, "due_by": dispute.due_by, "days": days},
    )
    return True
