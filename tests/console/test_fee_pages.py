"""Fees in the console: read in words, written with a form, and changed only by two people."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from controls.approvals import approve
from controls.errors import SamePerson
from controls.models import Approval
from core.ids import random_text
from merchants.services import NewMerchant
from payments.models import FeePlan
from tests.console.conftest import Staff

FEES = "/admin/payments/feeplan/"
KEY = re.compile(r'name="key" value="(console_\w{24})"')


def form_of(browser: Browser, shop: NewMerchant) -> tuple[str, dict[str, Any]]:
    path = f"{FEES}add/?merchant={shop.merchant.pk}"
    page = browser.get(path).content.decode()
    key = KEY.search(page)
    assert key is not None
    # The row that is there is the standard price.
    assert 'value="2.9"' in page and 'value="30"' in page
    return path, {
        "key": key[1],
        "merchant": shop.merchant.pk,
        "home_country": "de",
        "reason": "Agreed on Monday.",
        "rules-TOTAL_FORMS": "3",
        "rules-INITIAL_FORMS": "1",
        "rules-0-percent": "2.75",
        "rules-0-fixed": "30",
        "rules-1-percent": "1.2345",
        "rules-1-currencies": "EUR",
        "rules-1-card_brands": ["visa", "mastercard"],
        "rules-1-card_origin": "domestic",
        "rules-1-minimum": "100",
        "rules-1-maximum": "500",
    }


def test_new_fees_wait_for_a_second_person_and_then_hold(shop: NewMerchant, staff: Staff) -> None:
    finance = staff("view_feeplan", "add_feeplan", "view_approval")
    path, form = form_of(finance, shop)
    for _ in range(2):
        shown = finance.post(path, form, follow=True).content.decode()
        assert "waits for one; nothing has changed yet" in shown
    approval = Approval.objects.get(subject=shop.merchant.public_id)
    words = "EUR, Visa, Mastercard, cards from DE: 1.2345 %, at least 1.00 EUR, at most 5.00 EUR"
    assert words in approval.summary
    assert approval.summary.endswith("all other payments: 2.75 % + 30 (smallest unit)")
    assert not FeePlan.objects.filter(merchant=shop.merchant).exists()
    with pytest.raises(SamePerson):
        approve(approval.pk, checker=approval.maker)
    done = approve(approval.pk, checker=User.objects.create_user(random_text(9)))
    assert (done.state, FeePlan.objects.get(merchant=shop.merchant).version) == ("done", 1)
    plan = FeePlan.objects.get(merchant=shop.merchant)
    assert plan.plan.fee(10_000, currency="eur", card_brand="visa", card_country="DE") == 123
    assert plan.made_by == done.made_by
    page = finance.get(f"{FEES}{plan.pk}/change/").content.decode()
    assert words in page and "Holds now" in page and "Ask for a new version" in page
    assert "Version 1" in finance.get(FEES, {"q": shop.merchant.public_id}).content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rules-0-percent": ""}, "This field is required"),
        ({"rules-1-percent": "1.23456"}, "no more than 4 decimal places"),
        ({"rules-1-currencies": "XXX"}, "Unknown currency: XXX"),
        ({"home_country": ""}, "need the plan&#x27;s home country"),
        ({"rules-1-maximum": "50"}, "its cap, 50, is below its minimum, 100"),
        ({"rules-0-DELETE": "on"}, "the last rule must fit every payment"),
        ({"reason": " "}, "This field is required"),
    ],
)
def test_what_is_no_plan_is_named_on_the_form(
    shop: NewMerchant, staff: Staff, wrong: dict[str, str], said: str
) -> None:
    finance = staff("view_feeplan", "add_feeplan")
    path, form = form_of(finance, shop)
    assert said in finance.post(path, form | wrong).content.decode()
    assert not Approval.objects.filter(subject=shop.merchant.public_id).exists()


def test_who_may_only_look_writes_nothing(shop: NewMerchant, staff: Staff) -> None:
    viewer = staff("view_feeplan")
    assert viewer.get(f"{FEES}add/").status_code == viewer.post(f"{FEES}add/", {}).status_code == 403
    standard = FeePlan.objects.filter(merchant=None).latest("version")
    page = viewer.get(f"{FEES}{standard.pk}/change/").content.decode()
    assert "all other payments: 2.9 % + 30" in page and "Ask for a new version" not in page
