"""Reports that people hand in: kept before anything is done with them, and taken in once, whatever happens to the
worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controls.models import Alert
from ledger.queries import balance
from reconciliation.models import Match, ReportFile, Upload
from reconciliation.services.uploads import hand_in, take_in_uploads
from tests.ledger.bookings import at_once
from tests.reconciliation.desk import Desk
from tests.support.client import Client
from tests.support.servers import ROOT

WORKER = "from reconciliation.services.uploads import take_in_uploads; take_in_uploads()"
# Compared but not kept, kept but not booked, and booked but not told.
STEPS = ("report.before_commit", "report.after_commit", "report.before_upload_ends")


@pytest.fixture(scope="module")
def report(desk: Desk, api: Client) -> bytes:
    for number in range(3):
        api.charge(amount=4_000 + number)
    return desk.close(desk.today)


def handed_in(desk: Desk, content: bytes) -> Any:
    return hand_in(content, terms=desk.terms, name="settlement.csv", actor="maria")


def worker_killed_at(desk: Desk, step: str, folder: Path) -> None:
    (folder / step).write_text("kill")
    ended = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", WORKER],
        env=os.environ
        | desk.world.servers.gateway_environment(desk.world.database)
        | {"FAULTS_DIR": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not (folder / step).exists()


def test_a_worker_that_is_killed_at_any_step_leaves_what_the_next_one_takes_up(
    desk: Desk, report: bytes, tmp_path: Path
) -> None:
    upload = handed_in(desk, report)
    assert handed_in(desk, report) == upload and Upload.objects.count() == 1
    for step, kept in zip(STEPS, ((0, 0), (1, 0), (1, 3)), strict=True):
        worker_killed_at(desk, step, tmp_path)
        booked = ReportFile.objects.values_list("posted_lines", flat=True).first() or 0
        assert (ReportFile.objects.count(), min(booked, 3)) == kept, step
        assert Upload.objects.get().state == "waiting"
    # Several come for it at once.
    assert sorted(map(str, at_once(3, lambda number: take_in_uploads()))) == ["0", "0", "1"]
    assert Upload.objects.get().state == "taken"
    file = ReportFile.objects.get()
    assert (file.state, file.imported_by, Match.objects.filter(result="matched").count()) == (
        *("posted", "maria"),
        file.line_count,
    )
    assert balance("processor:sandbox:clearing", "usd", False) == 0 == sum(desk.owed().values())
    assert handed_in(desk, report) == file and take_in_uploads() == 0


def test_one_that_is_refused_says_line_and_reason_holds_up_no_other_and_may_come_again(
    desk: Desk, report: bytes
) -> None:
    files = ReportFile.objects.count()
    cut, other = handed_in(desk, report[:-20]), handed_in(desk, b"nonsense")
    assert take_in_uploads() == 2
    cut, other = (Upload.objects.get(pk=one.pk) for one in (cut, other))
    assert cut.state == other.state == "refused" and ReportFile.objects.count() == files
    assert cut.refusal.startswith("Line ") and "the first row must be" in other.refusal
    again = handed_in(desk, report[:-20])
    assert again.pk != cut.pk and again.state == "waiting"
    assert take_in_uploads() == 1


def test_what_cannot_be_taken_in_at_all_raises_an_alert_and_waits(desk: Desk) -> None:
    stranger = Upload.objects.create(
        source="gone", livemode=False, name="a.csv", sha256="1", content=b"x", size=1, uploaded_by="maria"
    )
    assert take_in_uploads() == 0
    assert Upload.objects.get(pk=stranger.pk).state == "waiting"
    alert = Alert.objects.get(kind="report_not_taken_in")
    assert alert.subject == f"upload:{stranger.pk}" and "a.csv" in alert.message
