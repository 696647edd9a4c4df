"""Finds the disputes that nobody told us of: each processor is asked for those of the last days, and what our books
do not know, or know otherwise, is learned as from a notification."""

import logging
import time

from django.conf import settings

from controls.services import raise_alert
from core.db import in_transaction, release_connection
from payments import routing
from payments.attempts import Actor
from payments.models import Dispute, Operation
from payments.queries import that_took_money
from payments.services.disputes import WAYS, book_report
from payments.services.timing import LOOK_TIMEOUT_SECONDS
from processors.protocol import DisputeDesk, DisputeReport, Unknown
from webhooks.kick import kick

# Longer than processors go on notifying: what is older and open is looked up by itself.
DAYS = 4
UNKNOWN_ALERT = "dispute_of_nothing_known"
FINDER = Actor("beat")

log = logging.getLogger("tollgate.payments")


def find_disputes() -> int:
    """How many disputes were new to us, or stood elsewhere than we thought. Once, however often it is called."""
    since = int(time.time()) - DAYS * 86_400
    found = 0
    for name in settings.PROCESSORS:
        desk = routing.processor(name)
        if not isinstance(desk, DisputeDesk):
            continue
        release_connection()
        reports = desk.recent_disputes(since, timeout_seconds=LOOK_TIMEOUT_SECONDS)
        if not isinstance(reports, Unknown):
            found += sum(_learn(name, report) for report in _news(name, reports))
    if found:
        kick()
    return found


def _news(processor: str, reports: tuple[DisputeReport, ...]) -> list[DisputeReport]:
    ids = [report.processor_id for report in reports]
    known = dict(
        Dispute.objects.filter(processor=processor, processor_id__in=ids).values_list("processor_id", "state")
    )
    return [
        report
        for report in reports
        if report.processor_id not in known or report.state in WAYS.get(known[report.processor_id], {})
    ]


def _learn(processor: str, report: DisputeReport) -> bool:
    try:
        charge_id = _charge_of(processor, report)
        if charge_id is None:
            return False
        book_report(charge_id, report, FINDER)
    except Exception:
        # One that fails must not hide the others; it is found again by the next look.
        log.exception("dispute %s of %s could not be booked", report.processor_id, processor)
        return False
    finally:
        release_connection()
    return True


def _charge_of(processor: str, report: DisputeReport) -> int | None:
    """The charge whose money is disputed; None while our books do not have it, or where it is none of ours."""
    if not report.reference:
        return None
    operation = (
        Operation.objects.select_related("charge")
        .filter(public_id=report.reference, processor=processor)
        .first()
    )
    if operation is None:
        _ask_for_a_person(processor, report)
        return None
    charge = operation.charge and that_took_money(operation.charge)
    return charge.pk if charge else None


@in_transaction
def _ask_for_a_person(processor: str, report: DisputeReport) -> None:
    raise_alert(
        kind=UNKNOWN_ALERT,
        subject=f"{processor}:{report.processor_id}",
        message=f"{processor} has a dispute {report.processor_id} of {report.reference}, "
        "which our books do not know.",
        livemode=settings.PROCESSORS[processor].get("livemode"),
        currency=report.currency,
        amount_minor=report.amount_minor,
        data={"processor": processor, "reference": report.reference},
    )
