"""A person's way through the console, in a real browser at the running gateway."""

import pytest
from django.contrib.auth.models import Group, User

from core.ids import random_text
from gateway.roles import ROLES
from merchants.services import NewMerchant
from payments.models import Charge, Refund
from tests.console.browser import log_in, needed_chromium, open_page
from tests.console.conftest import person
from tests.console.desk import Desk
from tests.console.world import World
from tests.support.client import Client

PASSWORD = "a-password-for-one-test"
# For each role something that it may not open: what others do, and for the admin what nobody does.
SHUT = {
    "viewer": "payments/charge/{charge}/refund/",
    "support": "payments/routingrule/add/",
    "finance": "auth/user/",
    "approver": "payments/charge/{charge}/refund/",
    "risk": "reconciliation/reportfile/upload/",
    "ops": "merchants/merchant/add/",
    "admin": "payments/charge/add/",
}


@pytest.mark.browser
def test_a_person_logs_in_opens_a_charge_and_refunds_it(
    looking: World, api: Client, shop: NewMerchant
) -> None:
    program = needed_chromium()
    charge = api.charge(amount=5_000, description="One tent").json()["id"]
    user = person(everything=True)
    user.set_password(PASSWORD)
    user.save()
    with open_page(program) as page:
        log_in(page, looking.url, user=user.username, password=PASSWORD)
        page.click("nav >> text=Charges")
        page.fill("#searchbar", charge)
        page.press("#searchbar", "Enter")
        page.click(f"#result_list >> text={charge}")
        page.click(".tg-actions >> text=Refund")
        page.fill("input[name=amount]", "20.00")
        page.select_option("select[name=reason]", "duplicate")
        page.check("input[name=confirmed]")
        page.click("form[data-once] button[type=submit]")
        page.wait_for_selector("text=Refunded 20.00 USD")
        shown = page.inner_text("#content-main")
    assert "Partially refunded" in shown
    assert "30.00 USD" in shown
    assert f"{user.username} (staff)" in shown
    refund = Refund.objects.get(charge__public_id=charge)
    assert (refund.state, refund.amount_minor) == ("succeeded", 2_000)


@pytest.mark.browser
def test_each_role_is_told_what_is_not_for_it_and_finds_the_way_back(looking: World, api: Client) -> None:
    program = needed_chromium()
    api.charge(amount=5_000)
    charge = Charge.objects.latest("pk").pk
    assert set(SHUT) == set(ROLES)
    people = {}
    for role in ROLES:
        user = User.objects.create_user(f"{role}-{random_text(6)}", is_staff=True)
        user.groups.set([Group.objects.get(name=role)])
        people[role] = Desk.of(looking.url, user)
    with open_page(program) as page:
        for role, desk in people.items():
            page.context.clear_cookies()
            page.context.add_cookies(
                [{"name": name, "value": value, "url": looking.url} for name, value in desk.cookies.items()]
            )
            answer = page.goto(f"{looking.url}/admin/{SHUT[role].format(charge=charge)}")
            assert answer is not None and answer.status == 403, role
            assert f"with the role {role}" in page.inner_text("body"), role
            page.click("text=Home")
            page.wait_for_selector(".tg-home-bar")
