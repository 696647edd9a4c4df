"""Takes a report in: read, stored and compared in one transaction, then booked in portions. A file is known by its
checksum, so doing it again does nothing; what a crash left unbooked is booked by the next try."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any

from django.db import IntegrityError, connection, transaction

from core.faults import fault_point
from reconciliation import formats
from reconciliation.formats.lines import FileRefused, Line
from reconciliation.models import ReportFile
from reconciliation.services.matching import match
from reconciliation.services.posting import post_file
from reconciliation.services.rules import apply_rules
from reconciliation.terms import Terms

# A million lines take a minute or so; whatever takes longer than this has gone wrong.
LONGEST = "SET LOCAL statement_timeout = '30min'; SET LOCAL idle_in_transaction_session_timeout = '30min'"
COPY = """
    COPY reconciliation_reportline (file_id, number, kind, reference, processor_id, related_id, currency,
        gross_minor, fee_minor, net_minor, status, occurred_at) FROM STDIN
"""
CHUNK_BYTES = 1 << 20
TOLD_EVERY = 5_000

Told = Callable[[str, int], None]
_before_commit = fault_point("report.before_commit")
_after_commit = fault_point("report.after_commit")


@dataclass(frozen=True, slots=True)
class Imported:
    file: ReportFile
    new: bool


def quiet(stage: str, done: int) -> None:
    """For callers who show no progress."""


def import_report(
    content: IO[bytes], *, terms: Terms, name: str, actor: str, day: date | None = None, told: Told = quiet
) -> Imported:
    """The stored report, booked, and whether it is new. FileRefused, with line and reason, for what is not whole, or
    is of another day than it should be: then nothing of it was stored.

    `told` hears of the stage (reading, booking) and of how many lines it has done.
    """
    checksum = _checksum(content)
    file = _known(terms, checksum)
    new = file is None
    if file is None:
        try:
            file = store(content, terms, checksum=checksum, name=name, actor=actor, day=day, told=told)
        except IntegrityError:
            # Somebody else took the same file in meanwhile.
            file = _known(terms, checksum)
            if file is None:
                raise
            new = False
        _after_commit()
    post_file(file, told=lambda done: told("booking", done))
    apply_rules(terms, as_of=file.day)
    return Imported(ReportFile.objects.get(pk=file.pk), new)


def _checksum(content: IO[bytes]) -> str:
    content.seek(0)
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK_BYTES):
        digest.update(chunk)
    content.seek(0)
    return digest.hexdigest()


def _known(terms: Terms, checksum: str) -> ReportFile | None:
    files = ReportFile.objects.filter(source=terms.source, livemode=terms.livemode, sha256=checksum)
    return files.first()


@transaction.atomic
def store(
    content: IO[bytes],
    terms: Terms,
    *,
    checksum: str,
    name: str,
    actor: str,
    day: date | None = None,
    told: Told = quiet,
) -> ReportFile:
    """Reads, keeps and compares; nothing is booked yet. FileRefused, IntegrityError for one that is there."""
    report = formats.read(terms.format, content)
    with connection.cursor() as cursor:
        cursor.execute(LONGEST)
        # One at a time for each source: two reports must not settle the same booking.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"reports of {terms.source}"])
        cursor.execute("SELECT nextval(pg_get_serial_sequence('reconciliation_reportfile', 'id'))")
        (file_id,) = cursor.fetchone()
        count = _copy(cursor, file_id, report.lines(), told)
    if report.day is None:
        raise FileRefused("there is not one line in it, and no day.")
    if day is not None and report.day != day:
        raise FileRefused(f"it is of {report.day}, not of {day}.")
    # East of us the next day has begun.
    if report.day > datetime.now(UTC).date() + timedelta(days=1):
        raise FileRefused(f"it is of {report.day}, which is yet to come.")
    file = ReportFile(
        pk=file_id,
        source=terms.source,
        livemode=terms.livemode,
        day=report.day,
        format=terms.format,
        name=name[-200:],
        sha256=checksum,
        line_count=count,
        imported_by=actor[:100],
    )
    file.save(force_insert=True)
    told("comparing", count)
    match(file, terms)
    _before_commit()
    return file


def _copy(cursor: Any, file_id: int, lines: Iterator[Line], told: Told) -> int:
    count = 0
    with cursor.copy(COPY) as copy:
        for count, line in enumerate(lines, start=1):
            copy.write_row(
                (
                    file_id,
                    line.number,
                    line.kind,
                    line.reference,
                    line.processor_id,
                    line.related_id,
                    line.currency,
                    line.gross_minor,
                    line.fee_minor,
                    line.net_minor,
                    line.status,
                    line.occurred_at,
                )
            )
            if count % TOLD_EVERY == 0:
                told("reading", count)
    told("reading", count)
    return count
