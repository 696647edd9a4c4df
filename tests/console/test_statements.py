"""A merchant's month in the console: shown to whoever looks, taken away by whoever may."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.test import Client as Browser

from controls.models import AuditEntry
from merchants.services import NewMerchant
from tests.console.conftest import Staff, person
from tests.console.world import World
from tests.support.client import Client

PAGE = "/admin/payments/balancetransaction/statement/"


@pytest.fixture
def asked(api: Client, shop: NewMerchant) -> dict[str, str]:
    """A month with a sale of 100.00 and its fee of 3.20."""
    created = api.charge(amount=10_000).json()["created"]
    month = datetime.fromtimestamp(created, UTC).strftime("%Y-%m")
    return {"merchant": shop.merchant.public_id, "month": month, "mode": "test"}


def test_a_month_is_shown_and_leaves_as_paper_and_as_a_file(
    looking: World, shop: NewMerchant, asked: dict[str, str]
) -> None:
    user = person("view_balancetransaction", "export_lists")
    browser = Browser()
    browser.force_login(user)
    page = browser.get(PAGE, asked).content.decode()
    for text in (
        shop.merchant.name,
        "Opening balance",
        "100.00 USD",
        "-3.20 USD",
        "96.80 USD",
        "Preliminary",
    ):
        assert text in page
    assert browser.get(f"{PAGE}pdf/", asked).content.startswith(b"%PDF-")
    file = browser.get(f"{PAGE}csv/", asked).getvalue().decode("utf-8-sig")
    lines = {row["line"]: row["amount"] for row in csv.DictReader(io.StringIO(file))}
    assert (lines["Sales"], lines["Fees"], lines["Closing balance"]) == ("100.00", "-3.20", "96.80")
    said = AuditEntry.objects.filter(username=user.username, kind="saw").order_by("pk")
    assert [entry.summary.split(" of ")[0] for entry in said] == [
        "Took the PDF statement",
        "Took the CSV statement",
    ]


def test_whoever_may_only_look_takes_nothing_away(staff: Staff, asked: dict[str, str]) -> None:
    viewer = staff("view_balancetransaction")
    page = viewer.get(PAGE, asked).content.decode()
    assert "Opening balance" in page and f"{PAGE}pdf/" not in page
    assert viewer.get(f"{PAGE}pdf/", asked).status_code == 403


def test_what_is_asked_wrongly_is_named(admin: Browser, asked: dict[str, str]) -> None:
    page = admin.get(PAGE, {**asked, "month": "2026-13"}).content.decode()
    assert "Not a month, such as 2026-10: &#x27;2026-13&#x27;" in page
    assert "There is no such merchant." in admin.get(PAGE, {**asked, "merchant": "acct_x"}).content.decode()
    assert admin.get(f"{PAGE}pdf/", {**asked, "month": "x"}).status_code == 302
