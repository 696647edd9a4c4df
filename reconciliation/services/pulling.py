"""Fetches what there is to take in: files in a folder, and the reports of days that a processor serves. A refused
file is put aside and raises an alert; it stops nothing else."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db.models import Max

from controls.services import raise_alert
from core.db import in_transaction, release_connection
from payments import routing
from processors.protocol import NoReport, ReportDesk
from reconciliation.formats.lines import FileRefused
from reconciliation.models import ReportFile
from reconciliation.queries import reports
from reconciliation.services.asking import ask_again
from reconciliation.services.importing import import_report
from reconciliation.services.rules import alerts_to_breaks, apply_rules, news_to_breaks
from reconciliation.terms import BANK, Terms, sources, terms_of

# Days that are asked for again when a fetch failed or nobody was there to do it.
DAYS_BACK = 7

log = logging.getLogger("tollgate.reconciliation")


def pull_reports() -> int:
    """All that can be had by now; how many reports were new."""
    return _pull_folder() + sum(_pull_days(terms_of(source)) for source in settings.SETTLEMENT_REPORTS)


def look_again() -> int:
    """What was open is compared with what has come since, and asked about: no file is read."""
    done = alerts_to_breaks() + news_to_breaks() + ask_again()
    for source in sources():
        if last := ReportFile.objects.filter(source=source).aggregate(day=Max("day"))["day"]:
            done += apply_rules(terms_of(source), as_of=last)
    return done


def can_fetch(terms: Terms) -> bool:
    return terms.source != BANK and isinstance(routing.processor(terms.source), ReportDesk)


@contextlib.contextmanager
def fetch(terms: Terms, day: date) -> Iterator[IO[bytes]]:
    """A day's report, on disk while it is needed. NoReport."""
    desk = routing.processor(terms.source)
    if not isinstance(desk, ReportDesk):
        raise NoReport(f"{terms.source} has no reports to be fetched.")
    release_connection()
    with tempfile.TemporaryFile() as content:
        desk.fetch_report(day, content)
        content.seek(0)
        yield content


def _pull_days(terms: Terms) -> int:
    """Those of the last days that are over and were not fetched."""
    new = 0
    if not can_fetch(terms):
        return 0
    today = datetime.now(UTC).date()
    for back in range(DAYS_BACK, 0, -1):
        day = today - timedelta(days=back)
        if reports(terms.source, day).exists():
            continue
        try:
            with fetch(terms, day) as content:
                new += bool(_take(content, terms, f"{terms.source}-{day}", day))
        except NoReport as error:
            log.info("%s", error)
    return new


def _pull_folder() -> int:
    new = 0
    for terms, path in _waiting():
        with path.open("rb") as content:
            taken = _take(content, terms, path.name, None)
        done = path.parent / ("done" if taken is not None else "refused")
        done.mkdir(exist_ok=True)
        path.replace(done / path.name)
        new += bool(taken)
    return new


def _waiting() -> Iterator[tuple[Terms, Path]]:
    if not settings.SETTLEMENT_DIR:
        return
    for source in sources():
        folder = Path(settings.SETTLEMENT_DIR) / source
        for path in sorted(folder.glob("*")) if folder.is_dir() else []:
            # Unfinished files are named .part by whoever writes them.
            if path.is_file() and path.suffix in (".csv", ".xml"):
                yield terms_of(source), path


def _take(content: IO[bytes], terms: Terms, name: str, day: date | None) -> bool | None:
    """Whether it was new; None when it was refused."""
    try:
        return import_report(content, terms=terms, name=name, actor="beat", day=day).new
    except FileRefused as error:
        _tell_refused(terms, name, str(error))
        return None


@in_transaction
def _tell_refused(terms: Terms, name: str, why: str) -> None:
    raise_alert(
        kind="report_refused",
        subject=f"{terms.source}:{name}"[:200],
        message=f"The report {name} of {terms.source} was refused. {why}",
        livemode=terms.livemode,
    )
