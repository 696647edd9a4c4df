"""A difference between a report and our books, in a real browser at the running gateway: from the upload of
the report to the booking that ends it, by two people."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page

from controls.models import Threshold
from core.db import release_connection
from ledger.models import LedgerTransaction
from ledger.queries import trial_balance
from reconciliation.models import Break
from reconciliation.services.uploads import take_in_uploads
from tests.console.browser import log_in, needed_chromium, open_page
from tests.console.conftest import person
from tests.console.world import World
from tests.reconciliation.desk import Desk, processor_at
from tests.support.client import Client

T = TypeVar("T")
PASSWORD = "a-password-for-one-test"


@pytest.fixture
def bank(looking: World) -> Iterator[Desk]:
    """One person may not resolve more than a cent alone."""
    threshold = Threshold.objects.create(action="resolve_break", currency="usd", amount_minor=1)
    with processor_at(looking.bank_url):
        yield Desk(looking)
    threshold.delete()


def colleague(role: str) -> str:
    user = person()
    user.groups.set([Group.objects.get(name=role)])
    user.set_password(PASSWORD)
    user.save()
    return user.username


def beside(work: Callable[[], T]) -> T:
    """Playwright's own thread is none to speak to a database in."""

    def run() -> T:
        try:
            return work()
        finally:
            release_connection()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def propose(page: Page, way: str, reason: str) -> None:
    page.select_option("select[name=action]", "propose")
    page.select_option("select[name=resolution]", way)
    page.fill("input[name=reason]", reason)
    page.click("text=Do it")
    page.wait_for_selector("text=It waits for another person")


def decide(page: Page, url: str, one: Break, way: str, note: str, said: str) -> None:
    page.goto(f"{url}/admin/controls/approval/?state__exact=open")
    page.click(f"#result_list >> text={one.public_id}")
    page.click(f".tg-actions >> text={way}")
    page.fill("textarea[name=note]", note)
    page.click("form[data-once] button[type=submit]")
    page.wait_for_selector(f"text={said}")


@pytest.mark.browser
def test_a_break_from_upload_to_resolution_by_two_people(
    looking: World, api: Client, bank: Desk, tmp_path: Path
) -> None:
    program = needed_chromium()
    reference = bank.err(api.charge(amount=150_000, description="A sofa").json()["id"], "other_amount")
    report = tmp_path / "settlement.csv"
    report.write_bytes(bank.close(bank.today))
    finance, approver = colleague("finance"), colleague("approver")
    with open_page(program) as page:

        def come_in(name: str) -> None:
            page.context.clear_cookies()
            log_in(page, looking.url, user=name, password=PASSWORD)

        come_in(finance)
        page.click("nav >> text=Reports")
        page.click("text=Take a report in")
        page.select_option("select[name=source]", "sandbox")
        page.set_input_files("input[name=file]", report)
        page.click("form[data-once] button[type=submit]")
        page.wait_for_selector("text=the report's page opens by itself")
        assert beside(take_in_uploads) == 1
        page.wait_for_selector("text=What its lines came to")
        assert "Other amount" in page.inner_text("#content-main")
        page.click("dd >> a.tg-link")
        page.fill("input[name=q]", reference)
        page.click("text=Show")
        page.click("table >> text=Other amount")
        shown = page.inner_text("#content-main")
        assert "1,500.00 USD" in shown and "1,499.93 USD" in shown and "0.07 USD" in shown
        assert "whoever proposes may not approve" in shown
        propose(page, "write_off", "Theirs to keep.")
        one = beside(lambda: Break.objects.get(reference=reference))
        come_in(approver)
        decide(page, looking.url, one, "Refuse", "Ask the bank for it first.", "Nothing was done")
        come_in(finance)
        page.goto(f"{looking.url}/admin/reconciliation/break/{one.pk}/change/")
        assert "Ask the bank for it first." in page.inner_text("#content-main")
        propose(page, "settle", "The bank says that it owes less.")
        come_in(approver)
        decide(page, looking.url, one, "Approve", "I called them.", "Approved and done")
        page.goto(f"{looking.url}/admin/reconciliation/break/{one.pk}/change/")
        shown = page.inner_text("#content-main")
    assert "Resolved" in shown
    assert "A rule" in shown
    for told in ("Theirs to keep.", "Ask the bank for it first.", "The bank says that it owes less."):
        assert told in shown
    assert f"proposed by {finance}, approved by {approver}" in shown
    assert LedgerTransaction.objects.filter(reference=f"break:{one.public_id}:settle").count() == 1
    assert sum(row.debit - row.credit for row in trial_balance()) == 0
