"""Reports that people hand in: kept at once, taken in by a worker. One worker at a time; what a killed one leaves is
taken up by the next."""

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.db import IntegrityError, connection, transaction

from controls.services import raise_alert
from core.db import in_transaction
from core.faults import fault_point
from reconciliation.formats.lines import FileRefused
from reconciliation.models import ReportFile, Upload
from reconciliation.services.importing import import_report
from reconciliation.terms import Terms, terms_of
from webhooks.kick import hint

TASK = "reconciliation.take_in_uploads"
# The lock of whoever takes in; it ends with its connection.
TAKING_IN = 1717921141

log = logging.getLogger("tollgate.reconciliation")
_booked = fault_point("report.before_upload_ends")


def hand_in(content: bytes, *, terms: Terms, name: str, actor: str) -> Upload | ReportFile:
    """The upload that waits for a worker, or the report where this file was taken in before."""
    named = {
        "source": terms.source,
        "livemode": terms.livemode,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if report := ReportFile.objects.filter(**named).first():
        return report
    try:
        with transaction.atomic():
            upload = Upload.objects.create(
                **named, name=name[-200:], content=content, size=len(content), uploaded_by=actor
            )
            # Only a hint: beat looks for them too.
            transaction.on_commit(partial(hint, TASK))
            return upload
    except IntegrityError:
        waiting = Upload.objects.defer("content").exclude(state=Upload.State.REFUSED)
        if known := waiting.filter(**named).first():
            return known
        raise


def take_in_uploads() -> int:
    """All that wait, oldest first; how many have ended. Nothing while another worker is at it."""
    ended = 0
    with _alone() as alone:
        last = 0
        while alone and (pk := _next(last)):
            last = pk
            try:
                _take_in(Upload.objects.get(pk=pk))
                ended += 1
            except Exception as error:
                # The others need not wait for what is wrong with this one; it is tried again by the next call.
                log.exception("upload %s could not be taken in", pk)
                _tell_failed(pk, error)
    return ended


def report_of(upload: Upload) -> ReportFile | None:
    named = {"source": upload.source, "livemode": upload.livemode, "sha256": upload.sha256}
    return ReportFile.objects.filter(**named).first()


def _next(after: int) -> int | None:
    waiting = Upload.objects.filter(state=Upload.State.WAITING, pk__gt=after).order_by("pk")
    return waiting.values_list("pk", flat=True).first()


def _take_in(upload: Upload) -> None:
    try:
        import_report(
            io.BytesIO(upload.content),
            terms=terms_of(upload.source, livemode=upload.livemode),
            name=upload.name,
            actor=upload.uploaded_by,
        )
    except FileRefused as error:
        upload.refusal = str(error)
        upload.refuse()
    else:
        _booked()
        upload.take()
    upload.save(update_fields=["state", "refusal"])


@in_transaction
def _tell_failed(pk: int, error: Exception) -> None:
    upload = Upload.objects.defer("content").get(pk=pk)
    raise_alert(
        kind="report_not_taken_in",
        subject=f"upload:{pk}",
        message=f"{upload.name}, handed in by {upload.uploaded_by}, could not be taken in: {type(error).__name__}.",
        livemode=upload.livemode,
    )


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [TAKING_IN])
        (mine,) = cursor.fetchone()
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [TAKING_IN])
