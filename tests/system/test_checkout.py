"""A cardholder at the checkout page, in a real browser: from the shop's session to the shop's page of thanks."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Request
from stripe import StripeClient

from merchants.services import NewMerchant
from payments.models import Charge
from tests.console.browser import needed_chromium, open_page
from tests.support.processes import System
from tests.support.site import Site, open_site
from tests.system.test_card_fields import CHALLENGED, DECLINED, VISA, fields, type_card


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with open_site() as site:
        site.pages["/paid"] = "<h1>Thanks from the shop</h1>"
        site.pages["/cart"] = "<h1>Your cart</h1>"
        yield site


@pytest.fixture
def client(system: System, shop: NewMerchant) -> StripeClient:
    return StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url})


def session(client: StripeClient, site: Site, **more: Any) -> Any:
    """As merchants ask for one who come from Stripe."""
    tent = {"currency": "eur", "unit_amount": 12_345, "product_data": {"name": "Tent"}}
    asked: Any = {
        "mode": "payment",
        "line_items": [{"price_data": tent, "quantity": 1}],
        "success_url": f"{site.origin()}/paid?session={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{site.origin()}/cart",
    }
    return client.v1.checkout.sessions.create(asked | more)


def charges(session: Any) -> list[str]:
    found = Charge.objects.filter(payment_intent__public_id=session.payment_intent).order_by("pk")
    return [charge.state for charge in found]


def test_a_session_is_paid_and_leads_to_the_shop(system: System, client: StripeClient, site: Site) -> None:
    made = session(client, site)
    sent: list[Request] = []
    with open_page(needed_chromium()) as page:
        page.on("request", lambda request: sent.append(request))
        page.goto(made.url)
        page.fill("#email", "ada@shop.example")
        page.fill("#name", "Ada Byron")
        type_card(page, VISA)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Thanks from the shop")
        assert page.url == f"{site.origin()}/paid?session={made.id}"
        # Loaded anew, or opened from history, it leads there again and nothing is taken.
        page.goto(made.url)
        page.wait_for_selector("text=Thanks from the shop")
    assert {r.url for r in sent if VISA in (r.post_data or "")} == {f"{system.vault.url}/v1/payment_methods"}
    # As the shop was really told: of a redirect, the browser's own tools show one that it does not send.
    assert site.referrers and not [said for said in site.referrers if made.url in said]
    paid = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge"]})
    assert (paid.status, paid.payment_status, charges(made)) == ("complete", "paid", ["captured"])
    intent: Any = paid.payment_intent
    assert intent.receipt_email == "ada@shop.example"
    assert intent.latest_charge.billing_details.name == "Ada Byron"
    assert paid.customer_details is not None and paid.customer_details.email == "ada@shop.example"


def test_a_declined_card_is_told_another_is_challenged_and_pays(
    system: System, client: StripeClient, site: Site
) -> None:
    made = session(client, site, locale="de")
    with open_page(needed_chromium(), width=820, height=900) as page:
        page.goto(made.url)
        type_card(page, DECLINED)
        page.click("#pay")
        page.wait_for_selector("#error:has-text('nicht gedeckt')")
        fields(page).locator("#number").fill("")
        # Emptied, it is the first to be typed in again.
        fields(page).locator("#expiry").fill("")
        fields(page).locator("#cvc").fill("")
        type_card(page, CHALLENGED)
        page.click("#pay")
        page.wait_for_selector("#fail")
        assert page.url.startswith(system.bank.url)
        page.click("#fail")
        page.wait_for_selector("#error:has-text('nicht bestätigen')")
        assert page.url.startswith(made.url)
        type_card(page, CHALLENGED)
        page.click("#pay")
        page.wait_for_selector("#complete")
        # Whoever comes back by another way is led to the bank, not to a second payment.
        other = page.context.new_page()
        other.goto(made.url)
        assert other.get_attribute("a.button", "href") == page.url
        page.click("#complete")
        page.wait_for_selector("text=Thanks from the shop")
    assert charges(made) == ["failed", "failed", "captured"]


def test_a_double_click_and_a_lost_answer_charge_once(
    system: System, client: StripeClient, site: Site
) -> None:
    made = session(client, site)
    with open_page(needed_chromium()) as page:
        page.goto(made.url)
        type_card(page, VISA)
        page.dblclick("#pay")
        page.wait_for_selector("text=Thanks from the shop")
    assert charges(made) == ["captured"]
    lost = session(client, site)
    with open_page(needed_chromium()) as page:
        page.goto(lost.url)
        type_card(page, VISA)

        def drop(route: Any) -> None:
            route.fetch()
            route.abort()

        page.route("**/pay", drop)
        page.click("#pay")
        page.wait_for_selector("text=The connection was lost")
        page.wait_for_selector("text=Thanks from the shop")
    assert charges(lost) == ["captured"]


@pytest.mark.parametrize(("width", "dark"), [(390, False), (820, True)])
def test_the_page_is_read_used_and_left_by_everybody(
    client: StripeClient, site: Site, width: int, dark: bool
) -> None:
    """What a tool for accessibility looks for: language, title, headings, a name for each control, focus in reading
    order and to be seen, contrast, nothing that is cut off."""
    made = session(client, site)
    told: list[str] = []
    with open_page(needed_chromium(), width=width, height=844, dark=dark) as page:
        page.on("console", lambda message: told.append(message.text))
        page.goto(made.url)
        fields(page).locator("#number").wait_for()
        assert page.get_attribute("html", "lang") == "en" and "€123.45" in page.title()
        assert (
            page.locator("h1").count() == 1 and page.get_by_role("heading", name="Pay by card").count() == 1
        )
        assert page.get_by_role("note").inner_text().startswith("Test mode")
        assert page.get_by_role("main").count() == 1 and page.get_by_role("alert").count() == 1
        page.keyboard.press("Tab")
        order = [focused(page)]
        for _ in range(6):
            page.keyboard.press("Tab")
            order.append(focused(page))
        assert order == [
            *("Back to A shop", "Email for your receipt (optional)", "Name on the card (optional)"),
            *("Card number", "Expiry date", "Security code", "Pay €123.45"),
        ]
        grounds: list[Any] = [page, page.frames[1]]
        for ground in grounds:
            assert ground.evaluate("document.documentElement.scrollWidth <= innerWidth")
            poor = [said for said in ground.evaluate(CONTRASTS) if said["ratio"] < 4.5]
            assert not poor, poor
        page.click("#pay")
        number = fields(page).get_by_role("textbox", name="Card number")
        number.wait_for()
        page.wait_for_timeout(200)
        assert number.evaluate("(input) => input === document.activeElement")
        assert not told, told
        page.click("text=Back to A shop")
        page.wait_for_selector("text=Your cart")
    assert charges(made) == []


def focused(page: Page) -> str:
    """The name of what has the focus, inside the frame as well; and that it can be seen to have it."""
    name = "(() => { const at = document.activeElement; return (at.labels?.[0] ?? at).innerText.trim() })()"
    seen = "(() => { const s = getComputedStyle(document.activeElement); return s.boxShadow + s.outlineStyle })()"
    place = page.frames[1] if page.evaluate("document.activeElement.tagName") == "IFRAME" else page.main_frame
    assert place.evaluate(seen) != "nonenone"
    return re.sub(r"[\s←]+", " ", place.evaluate(name)).strip()


# The contrast of each text with what is behind it (WCAG 2.2); what is transparent shows the page's ground.
CONTRASTS = """() => {
    const numbers = (colour) => (colour.match(/[0-9.]+/g) || []).map(Number);
    const linear = (c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
    const light = (colour) => colour.slice(0, 3).map((c) => linear(c / 255))
        .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = numbers(getComputedStyle(at).backgroundColor);
            if (colour.length === 3) return colour;
        }
        return dark ? [22, 28, 37] : [255, 255, 255];
    };
    const said = [];
    for (const element of document.querySelectorAll("body *")) {
        const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("").trim();
        if (!text || !element.checkVisibility() || element.closest("script, noscript")) continue;
        const own = light(numbers(getComputedStyle(element).color));
        const [a, b] = [own, light(behind(element))].sort((x, y) => y - x);
        said.push({ text, ratio: (a + .05) / (b + .05) });
    }
    return said;
}"""
