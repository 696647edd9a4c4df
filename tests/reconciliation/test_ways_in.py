"""How reports come in without anybody at the console, what is asked about again, and what else becomes a break."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from controls.models import Alert
from controls.services import raise_alert, resolve_alert
from core.ids import random_text
from payments.models import Operation
from processors.protocol import NoReport
from reconciliation import queries
from reconciliation.models import Break, BreakEntry, ReportFile
from reconciliation.services import breaks, pulling
from reconciliation.services.asking import ask_again
from reconciliation.terms import terms_of
from tests.reconciliation.desk import Desk
from tests.support.client import Client
from tests.support.servers import ROOT

NOW = timedelta(0)


@pytest.fixture(scope="module")
def day(desk: Desk, api: Client) -> dict[str, Any]:
    """Three payments, of which one is reported with another amount and one is disputed without our knowing."""
    charges = [api.charge(amount=2_000 + number).json()["id"] for number in range(3)]
    desk.err(charges[0], "other_amount")
    disputed = Operation.objects.get(charge__public_id=charges[1])
    desk.ask("/control/disputes", {"reference": disputed.public_id, "reason": "fraudulent"})
    return {"file": desk.close(desk.today), "disputed": disputed}


def command(desk: Desk, *words: str) -> subprocess.CompletedProcess[str]:
    environment = desk.world.servers.gateway_environment(desk.world.database)
    return subprocess.run(
        [sys.executable, "manage.py", "reconcile", "--processor", "sandbox", *words],
        env=os.environ | environment | {"SANDBOX_BANK_URL": desk.world.bank_url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_adapter_says_when_there_is_no_report(desk: Desk) -> None:
    with (
        pytest.raises(NoReport, match="answered 404"),
        pulling.fetch(terms_of("sandbox"), desk.today + timedelta(days=1)),
    ):
        pass
    with pytest.raises(CommandError, match="answered 404"):
        call_command("reconcile", processor="sandbox", date=desk.today + timedelta(days=1))


def test_the_command_takes_the_report_in_and_its_exit_status_says_what_is_open(
    desk: Desk, day: dict[str, Any]
) -> None:
    ended = command(desk, "--date", str(desk.today))
    assert ended.returncode == 1, ended.stderr
    assert "2 differences of sandbox are open" in ended.stderr
    assert "Other amount" in ended.stdout and "Completeness" in ended.stdout
    assert ReportFile.objects.get().state == "posted"


def test_what_waits_for_our_own_word_is_asked_about_once_an_hour(desk: Desk, day: dict[str, Any]) -> None:
    assert ask_again() == 0
    assert ask_again(older_than=NOW) == 1
    assert ask_again(older_than=NOW) == 0
    pulling.look_again()
    one = Break.objects.get(kind="orphan_dispute")
    assert one.state == "resolved" and one.reference == day["disputed"].public_id
    told = BreakEntry.objects.filter(about=one).order_by("pk").values_list("kind", flat=True)
    assert list(told) == ["opened", "asked", "proposed", "approved", "resolved"]


def test_the_command_is_content_once_everything_is_resolved(desk: Desk, day: dict[str, Any]) -> None:
    (left,) = queries.open_on("sandbox", desk.today)
    breaks.propose(left.pk, resolution="settle", reason="Claimed.", actor="maria")
    breaks.approve(left.pk, actor="peter")
    breaks.resolve(left.pk, actor="maria")
    ended = command(desk, "--date", str(desk.today))
    assert ended.returncode == 0, ended.stderr
    refused = command(desk, "--file", __file__)
    assert refused.returncode == 1 and "the first row must be" in refused.stderr


def test_all_of_the_money_was_matched_within_a_day(desk: Desk, day: dict[str, Any]) -> None:
    (figure,) = queries.completeness(desk.today, desk.today)
    assert (figure.currency, figure.share, figure.oldest) == ("usd", "100.0 %", None)
    late = queries.Completeness("usd", False, 1_000, 999, 1_000, None)
    assert (late.share, queries.Completeness("usd", False, 0, 0, 0, None).share) == ("99.9 %", "–")


def test_what_began_long_ago_and_has_not_ended_is_reported(desk: Desk, day: dict[str, Any]) -> None:
    assert queries.not_final("sandbox") == []
    (one,) = queries.not_final("sandbox", older_than=NOW)
    assert (one.kind, one.number, one.amount_minor) == ("dispute", 1, 2_001)


def test_a_folder_is_emptied_and_what_is_refused_raises_an_alert(
    desk: Desk, day: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SETTLEMENT_DIR", str(tmp_path))
    (folder := tmp_path / "sandbox").mkdir()
    (folder / "known.csv").write_bytes(day["file"])
    (folder / "cut.csv").write_bytes(day["file"][:-20])
    (folder / "coming.part").write_bytes(b"half")
    files = ReportFile.objects.count()
    pulling._pull_folder()
    assert {one.relative_to(folder).as_posix() for one in folder.rglob("*.*")} == {
        "done/known.csv",
        "refused/cut.csv",
        "coming.part",
    }
    assert ReportFile.objects.count() == files
    alert = Alert.objects.get(kind="report_refused")
    assert alert.subject == "sandbox:cut.csv" and "Line" in alert.message


def test_beat_fetches_the_days_that_are_over_and_were_not(
    desk: Desk, day: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SETTLEMENT_DIR", "")
    pulling.pull_reports()
    days = ReportFile.objects.filter(source="sandbox", imported_by="beat").values_list("day", flat=True)
    assert sorted(days) == [desk.today - timedelta(days=back) for back in range(pulling.DAYS_BACK, 0, -1)]
    assert pulling.pull_reports() == 0


def test_an_alert_of_a_bound_becomes_a_break_once(desk: Desk) -> None:
    subject = f"dp_{random_text(8)}"
    for _ in range(2):
        raise_alert(
            kind="bound_exceeded",
            subject=subject,
            message="Refunds and disputes come to more than was captured.",
            livemode=False,
            currency="eur",
            amount_minor=700,
        )
        pulling.look_again()
    one = Break.objects.get(kind="bound")
    assert (one.reference, one.at_risk_minor, one.currency) == (subject, 700, "eur")


def test_news_of_something_unknown_are_a_break_until_somebody_explains_them(desk: Desk) -> None:
    alert = raise_alert(
        kind="notification_not_applied",
        subject=f"sandbox:{random_text(8)}",
        message="sandbox notified us of payment.captured (op_nobodys).",
        livemode=False,
        data={"processor": "sandbox", "reference": "op_nobodys"},
    )
    pulling.look_again()
    one = Break.objects.get(kind="unknown_news")
    assert (one.state, one.source, one.reference) == ("open", "sandbox", "op_nobodys")
    pulling.look_again()
    assert Break.objects.get(pk=one.pk).state == "open"
    resolve_alert(kind=alert.kind, subject=alert.subject, actor="maria", reason="It was ours after all.")
    pulling.look_again()
    explained = Break.objects.get(pk=one.pk)
    assert explained.state == "resolved" and "maria: It was ours" in explained.reason
