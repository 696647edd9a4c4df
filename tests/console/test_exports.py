"""Lists as files: what the list shows, all of it, nothing more, and written down."""

import csv
import io
from typing import Any

from django.contrib import admin as console
from django.test import Client as Browser

from controls.models import AuditEntry
from core.exporting import Exportable
from merchants.services import NewMerchant
from tests.console.conftest import Staff, person
from tests.console.world import World
from tests.support.client import Client

CHARGES = "/admin/payments/charge/"
# Lists of a few rows, on pages of their own.
SHORT = {"payments.processorhealth", "payments.routingrule", "auth.group", "risk.rule", "risk.scoremodel"}
# It has its own file, of both sides.
OWN = {"reconciliation.break"}


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))


def test_a_list_leaves_as_it_is_filtered_with_amounts_in_both_units(
    admin: Browser, api: Client, shop: NewMerchant
) -> None:
    made = [api.charge(amount=amount, currency="usd").json()["id"] for amount in (1_250, 30_000)]
    yen = api.charge(amount=500, currency="jpy", description="=HYPERLINK(evil)").json()["id"]
    api.post("/v1/refunds", {"charge": made[0], "amount": 250})
    rows = rows_of(admin.get(f"{CHARGES}export/?merchant={shop.merchant.pk}"))
    assert [row["public_id"] for row in rows] == [yen, *reversed(made)]
    assert [(row["amount"], row["amount_minor"], row["currency"]) for row in rows] == [
        *[("500", "500", "jpy"), ("300.00", "30000", "usd"), ("12.50", "1250", "usd")],
    ]
    assert (rows[2]["refunded"], rows[2]["refunded_minor"], rows[2]["mode"]) == ("2.50", "250", "test")
    assert rows[0]["description"] == "'=HYPERLINK(evil)"
    assert rows[0]["merchant_name"] == shop.merchant.name and rows[0]["merchant"].startswith("acct_")
    narrowed = rows_of(admin.get(f"{CHARGES}export/?merchant={shop.merchant.pk}&currency=jpy&p=3"))
    assert [row["public_id"] for row in narrowed] == [yen]


def test_who_took_what_is_written_down_and_the_list_has_the_way_to_it(looking: World) -> None:
    user = person("view_refund", "export_lists")
    browser = Browser()
    browser.force_login(user)
    page = browser.get("/admin/payments/refund/?currency=usd").content.decode()
    assert 'href="/admin/payments/refund/export/?currency=usd"' in page
    rows_of(browser.get("/admin/payments/refund/export/?currency=usd"))
    entry = AuditEntry.objects.get(username=user.username, kind="saw")
    assert entry.summary == "Exported refunds as CSV: currency=usd."


def test_it_takes_a_right_of_its_own_besides_that_to_look(staff: Staff) -> None:
    viewer = staff("view_charge")
    assert viewer.get(f"{CHARGES}export/").status_code == 403
    assert "export/" not in viewer.get(CHARGES).content.decode()
    assert staff("export_lists").get(f"{CHARGES}export/").status_code == 403


def test_a_filter_that_is_none_leads_back_to_the_list(admin: Browser) -> None:
    answer = admin.get(f"{CHARGES}export/?from=yesterday")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{CHARGES}?e=1")


def test_no_list_is_without_a_file_and_no_file_gives_secrets_away(
    admin: Browser, looking: World, api: Client
) -> None:
    for model, page in console.site._registry.items():
        label = model._meta.label_lower
        if label in SHORT or label in OWN:
            continue
        assert isinstance(page, Exportable) and page.export_fields, f"{label} has no export_fields"
        answer = admin.get(f"/admin/{label.replace('.', '/')}/export/")
        assert answer.status_code == 200, label
        text = answer.getvalue().decode()
        for secret in ("whsec_", "pbkdf2_", "sk_test_", "sk_live_"):
            assert secret not in text, label
