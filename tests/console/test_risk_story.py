"""Risk in a real browser at the running gateway: a rule from its first stroke to live, and a payment that it holds
from the queue to the money."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import expect

from core.db import release_connection
from merchants.services import NewMerchant
from payments.models import Charge, TimelineEntry
from risk.models import Review, RiskSettings
from tests.console.browser import log_in, needed_chromium, open_page
from tests.console.conftest import person
from tests.console.world import World
from tests.support.client import Client
from tests.support.eventually import eventually

PASSWORD = "a-password-for-one-test"
EXPRESSION = "payment.amount >= 50000 && card.brand == 'visa'"


def held(api: Client, amount: int) -> Review:
    """A payment that waits for a person, once every process knows the rule."""

    def ask() -> Review | None:
        charge = api.charge(amount=amount, description="Order 1042, two tickets").json()
        return Review.objects.filter(charge=charge["id"]).first()

    try:
        return eventually(ask)
    finally:
        release_connection()


@pytest.mark.browser
def test_a_rule_is_written_and_a_payment_that_it_holds_is_decided(
    looking: World, api: Client, shop: NewMerchant
) -> None:
    program = needed_chromium()
    RiskSettings.objects.create(merchant=shop.merchant, livemode=False, enforced=True)
    api.charge(amount=60_000)
    user = person()
    user.groups.set([Group.objects.get(name="risk")])
    user.set_password(PASSWORD)
    user.save()
    with ThreadPoolExecutor(1) as beside, open_page(program) as page:
        errors: list[Any] = []
        page.on("pageerror", lambda error: errors.append(error))
        log_in(page, looking.url, user=user.username, password=PASSWORD)
        page.goto(f"{looking.url}/admin/risk/rule/add/?mode=test")
        page.click("text=Large first payment")
        expect(page.locator("#checked")).to_contain_text("This can be asked.")
        page.fill("#id_expression", "payment.amount >= '50000'")
        expect(page.locator("#checked mark")).to_have_text("'50000'")
        page.fill("#id_expression", "payment.amount >= 50000 && ")
        page.fill("[data-finds-facts]", "brand")
        page.click("[data-fact='card.brand']")
        page.locator("#id_expression").press_sequentially(" == 'visa'")
        page.fill("#id_reason", "Fraud on Monday.")
        page.select_option("#id_merchant", label=shop.merchant.name)
        expect(page.locator("#checked")).to_contain_text("it would have held for review 1")
        page.click("text=Save as a draft")
        expect(page.locator(".tg-code-shown").first).to_have_text(EXPRESSION)

        page.click("button:has-text('Try')")
        expect(page.locator("#figures")).to_contain_text("It would have held for review 1 of 1 payments")
        page.click(".tg-card header a.tg-link")
        page.click("text=Go live")
        page.fill("#id_reason", "It catches what we missed.")
        page.click("button:has-text('Go live')")
        expect(page.locator("text=What it does now")).to_be_visible()

        review = beside.submit(held, api, 64_900).result()
        page.goto(f"{looking.url}/admin/")
        page.click(".tg-tile:has-text('Reviews')")
        page.click(f"text={review.public_id}")
        expect(page.locator(".tg-rule.tg-decided")).to_contain_text("payment.amount was 64900")
        page.click("a:has-text('Approve')")
        page.fill("#id_reason", "A customer for years.")
        page.check("#id_confirmed")
        page.click("button:has-text('Approve')")
        expect(page.locator("text=Approved, and the money is taken.")).to_be_visible()
    assert not errors
    assert Charge.objects.get(public_id=review.charge).captured_minor == 64_900
    told = TimelineEntry.objects.get(kind="review.approved", charge__public_id=review.charge)
    assert (told.actor, told.reason) == (f"staff:{user.username}", "A customer for years.")
