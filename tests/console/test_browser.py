"""A person's way through the console, in a real browser at the running gateway."""

import pytest

from merchants.services import NewMerchant
from payments.models import Refund
from tests.console.browser import log_in, needed_chromium, open_page
from tests.console.conftest import person
from tests.console.world import World
from tests.support.client import Client

PASSWORD = "a-password-for-one-test"


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
