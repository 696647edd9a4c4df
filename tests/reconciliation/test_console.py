"""The workbench as a clerk uses it: a report taken in, many breaks worked off at once, a file for the spreadsheet."""

import csv
import io

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from controls.models import AuditEntry
from core.ids import random_text
from reconciliation.models import Break, ReportFile, Upload
from reconciliation.services.uploads import take_in_uploads
from tests.reconciliation.desk import Desk
from tests.support.client import Client

WORKBENCH = "/admin/reconciliation/break/"


def person(*permissions: str) -> Browser:
    user = User.objects.create_user(f"clerk-{random_text(6)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture(scope="module")
def report(desk: Desk, api: Client) -> bytes:
    """Six payments, of which two are reported wrongly."""
    charges = [api.charge(amount=5_000 + number).json()["id"] for number in range(6)]
    desk.err(charges[0], "other_amount")
    desk.err(charges[1], "orphan_refund")
    return desk.close(desk.today)


def upload(browser: Browser, content: bytes) -> str:
    """What is seen at once, and once a worker was there."""
    file = SimpleUploadedFile("settlement.csv", content)
    path = "/admin/reconciliation/reportfile/upload/"
    answer = browser.post(path, {"source": "sandbox", "file": file}, follow=True)
    take_in_uploads()
    page, _status = answer.redirect_chain[-1]
    return answer.content.decode() + browser.get(page, follow=True).content.decode()


def work(browser: Browser, rows: list[Break], action: str, **more: str) -> str:
    fields = {"chosen": [row.pk for row in rows], "action": action, **more}
    return browser.post(f"{WORKBENCH}work/", fields, follow=True).content.decode()


def test_a_report_is_taken_in_once_and_a_broken_one_not_at_all(desk: Desk, report: bytes) -> None:
    clerk = person("view_reportfile", "view_upload", "add_reportfile")
    said = upload(clerk, report[:-20])
    assert 'http-equiv="refresh"' in said and "opens by itself" in said
    assert "nothing of it was taken. Line" in said
    assert not ReportFile.objects.exists()
    page = upload(clerk, report)
    assert "Other amount" in page and "Refund nobody asked for" in page
    assert "was here already" in upload(clerk, report)
    assert list(Upload.objects.order_by("pk").values_list("state", flat=True)) == ["refused", "taken"]
    listed = clerk.get("/admin/reconciliation/upload/").content.decode()
    assert "Refused" in listed and "Taken in" in listed


def test_breaks_are_worked_off_many_at_once(desk: Desk, report: bytes) -> None:
    upload(person("view_reportfile", "view_upload", "add_reportfile"), report)
    rows = list(Break.objects.all())
    assert len(rows) == 2
    maria = person("view_break", "work_break", "approve_break")
    listed = maria.get(WORKBENCH).content.decode()
    assert all(f"/{row.pk}/change/" in listed for row in rows)
    assert "Say why" in work(maria, rows, "propose")
    assert "2 done" in work(maria, rows, "take")
    assert "2 done" in work(maria, rows, "propose", reason="Claimed.")
    page = maria.get(f"{WORKBENCH}{rows[0].pk}/change/").content.decode()
    assert "The report says" in page and "Our books say" in page and "Claimed." in page
    assert "2 done" in work(maria, rows, "approve")
    assert "2 done" in work(maria, rows, "resolve")
    told = AuditEntry.objects.filter(model="reconciliation.break", object_id=str(rows[0].pk)).order_by("pk")
    assert [entry.summary.partition(".")[0] for entry in told] == [
        *("Take them", "Propose a way out", "Approve what is proposed", "Resolve what is approved"),
    ]
    # What is done is done: the second click is told so, and changes nothing.
    assert "is resolved by now" in work(maria, rows, "resolve")
    assert {row.state for row in Break.objects.all()} == {"resolved"}


def test_only_those_who_may_approve(desk: Desk) -> None:
    assert (
        person("view_break", "work_break").post(f"{WORKBENCH}work/", {"action": "approve"}).status_code == 403
    )
    assert person().get(WORKBENCH).status_code == 403
    assert person("view_reportfile").get("/admin/reconciliation/reportfile/upload/").status_code == 403
    assert "Do it" not in person("view_break").get(WORKBENCH).content.decode()


def test_breaks_leave_as_a_file_with_the_right_to_export(desk: Desk) -> None:
    path = f"{WORKBENCH}export/?state=resolved"
    assert person("view_break").get(path).status_code == 403
    exported = person("view_break", "export_lists").get(path)
    header, *rows = csv.reader(io.StringIO(exported.getvalue().decode("utf-8-sig")))
    assert header[0] == "break" and len(rows) == Break.objects.filter(state="resolved").count()
