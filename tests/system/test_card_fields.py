"""Hosted fields as a shop uses them: its page on an origin of its own, in a real browser."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, Request
from stripe import StripeClient

from core.hosted import INTEGRITY
from merchants.models import ApiKey
from merchants.services import NewMerchant, allow_origins
from tests.console.browser import needed_chromium, open_page
from tests.support.client import Client
from tests.support.eventually import eventually
from tests.support.processes import System
from tests.support.servers import ROOT
from tests.support.site import Site, open_site

EXAMPLE = (ROOT / "docs" / "examples" / "card-fields.html").read_text()
VISA = "4242424242424242"
CHALLENGED = "4000002760003184"
DECLINED = "4000000000009995"
# Keeps what other windows tell the page, and what the page itself asks of anybody.
EAVESDROPPER = "window.heard = []; addEventListener('message', (e) => heard.push(JSON.stringify(e.data)));"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with open_site() as site:
        yield site


@pytest.fixture
def client(system: System, shop: NewMerchant) -> StripeClient:
    return StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url})


@pytest.fixture
def listed(system: System, shop: NewMerchant, site: Site) -> NewMerchant:
    """A shop whose site may take cards, as the vault has heard."""
    allow_origins(shop.merchant, [site.origin()], livemode=False)
    untold = ApiKey.objects.filter(merchant=shop.merchant, kind="publishable", vault_told_at=None)
    eventually(lambda: not untold.exists(), seconds=60)
    return shop


def example(system: System, key: str, secret: str = "pi_1_secret_1") -> str:
    """The page of the documentation, with this shop's own values."""
    page = EXAMPLE
    for placeholder, value in (
        ("https://vault.example.com", system.vault.url),
        ("sha384-…", INTEGRITY),
        ("pk_test_…", key),
        ("pi_…_secret_…", secret),
    ):
        assert placeholder in page
        page = page.replace(placeholder, value)
    return page


def fields(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def type_card(page: Page, number: str, *, expiry: str = "1234", code: str = "123") -> None:
    """From field to field as fingers do: a full one leads on to the next."""
    fields(page).locator("#number").click()
    page.keyboard.type(number)
    page.keyboard.type(expiry)
    page.keyboard.type(code)


def test_the_shops_page_pays_with_a_card_that_it_never_sees(
    system: System, site: Site, listed: NewMerchant, client: StripeClient
) -> None:
    intent = client.v1.payment_intents.create({"amount": 2_000, "currency": "usd"})
    site.pages["/"] = example(system, listed.keys["pk_test"], str(intent.client_secret))
    sent: list[Request] = []
    with open_page(needed_chromium()) as page:
        page.add_init_script(EAVESDROPPER)
        page.on("request", lambda request: sent.append(request))
        page.goto(site.origin())
        type_card(page, VISA)
        page.fill("input[name=name]", "Ada Byron")
        page.click("text=Pay 20.00 USD")
        page.wait_for_selector("text=Your payment was made")
        seen = page.content() + json.dumps(page.evaluate("window.heard"))
        inside = page.evaluate(
            "(() => { try { return String(document.querySelector('iframe').contentWindow.document) }"
            " catch (error) { return error.name } })()"
        )
    of_the_page = [r for r in sent if r.frame == page.main_frame and r.resource_type in ("fetch", "xhr")]
    seen += "".join(request.url + (request.post_data or "") for request in of_the_page)
    assert of_the_page and "change" in seen
    assert VISA not in re.sub(r"[^0-9]", "", seen) and '"123"' not in seen
    assert inside == "SecurityError"
    bearing = {r.url for r in sent if VISA in (r.post_data or "")}
    assert bearing == {f"{system.vault.url}/v1/payment_methods"}
    paid = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert paid.status == "succeeded"
    charge: Any = paid.latest_charge
    assert charge.billing_details.name == "Ada Byron"
    assert charge.payment_method_details.card.last4 == "4242"


def test_the_page_is_told_brand_errors_and_completeness_as_they_are_typed(
    system: System, site: Site, listed: NewMerchant
) -> None:
    site.pages["/"] = example(system, listed.keys["pk_test"])
    with open_page(needed_chromium()) as page:
        page.goto(site.origin())
        page.evaluate("window.states = []; card.on('change', (state) => states.push(state))")
        number, expiry, code = (fields(page).locator(f"#{name}") for name in ("number", "expiry", "cvc"))
        number.click()
        page.keyboard.type("3782822463")
        assert number.input_value() == "3782 822463"
        assert last(page)["brand"] == "amex" and not last(page)["empty"]
        page.keyboard.type("10004")
        assert last(page)["error"]["code"] == "invalid_number"
        page.keyboard.press("Backspace")
        page.keyboard.type("5")
        assert last(page)["error"] is None
        page.keyboard.type("1320")
        assert last(page)["error"]["code"] == "invalid_expiry_month"
        expiry.fill("")
        page.keyboard.type("120")
        code.focus()
        assert last(page)["error"]["code"] == "incomplete_expiry"
        expiry.fill("")
        page.keyboard.type("0120")
        assert "has expired" in last(page)["error"]["message"]
        expiry.fill("12/2034")
        code.focus()
        page.keyboard.type("1234")
        state = last(page)
        assert state["complete"] and state["error"] is None and expiry.input_value() == "12 / 34"
        number.fill("")
        page.keyboard.type(VISA)
        page.evaluate("card.blur()")
        # What is a whole code at American Express is too long elsewhere.
        assert last(page)["error"]["code"] == "invalid_cvc" and last(page)["brand"] == "visa"
        error = page.evaluate("tollgate.createToken(card).then((answer) => answer.error)")
        assert error["code"] == "invalid_cvc"
        assert number.evaluate("(input) => input.selectionStart") is not None
        number.click()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Backspace")
        page.keyboard.type("5")
        assert number.input_value().startswith("5242") and number.evaluate("(i) => i.selectionStart") == 1


def last(page: Page) -> Any:
    """The state that the page was told last."""
    page.wait_for_timeout(50)
    return page.evaluate("states.at(-1)")


def test_a_token_charges_and_refusals_of_the_vault_stand_at_their_field(
    system: System, site: Site, listed: NewMerchant
) -> None:
    site.pages["/"] = example(system, listed.keys["pk_test"])
    with open_page(needed_chromium()) as page:
        page.goto(site.origin())
        empty = page.evaluate("tollgate.createToken(card)")["error"]
        assert empty["code"] == "incomplete_number"
        type_card(page, "4539148803436467")
        answer = page.evaluate("tollgate.createToken(card)")
        assert answer["error"]["message"] == "This card can't be used here."
        assert fields(page).locator("#number-message").inner_text() == answer["error"]["message"]
        page.evaluate("card.clear()")
        type_card(page, VISA)
        token = page.evaluate("tollgate.createToken(card, { name: 'Ada', number: '4000000000000002' })")[
            "token"
        ]
        method = page.evaluate("tollgate.createPaymentMethod({ card, metadata: { a: 'b' } })")[
            "paymentMethod"
        ]
        # In the page's own name nothing of that is possible.
        page.evaluate("card.unmount()")
        assert page.evaluate("tollgate.createToken(card)")["error"]["type"] == "validation_error"
    assert token["card"]["name"] == "Ada" and token["card"]["last4"] == "4242"
    assert method["metadata"] == {"a": "b"}
    charged = Client(system.web.url, listed.keys["sk_test"]).charge(source=token["id"], amount=700)
    assert (charged.status, charged.json()["paid"]) == (200, True)


def test_a_page_of_another_origin_gets_no_fields(system: System, site: Site, listed: NewMerchant) -> None:
    site.pages["/"] = example(system, listed.keys["pk_test"])
    shop = f"{site.origin()}/"
    site.pages["/around"] = f'<iframe id="shop" src="{shop}" width="600" height="600"></iframe>'
    site.pages["/liar"] = (
        f'<iframe src="{system.vault.url}/fields/card?key={listed.keys["pk_test"]}&origin={site.origin()}"></iframe>'
    )
    with open_page(needed_chromium()) as page:
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.goto(site.origin("evil"))
        fields(page).locator("#why").wait_for()
        assert not fields(page).locator("input").count()
        refused = page.evaluate("tollgate.createToken(card)")["error"]
        assert f"{site.origin('evil')} may not show card fields" in refused["message"]
        assert any(refused["message"] in line for line in told)
        # Neither inside of a page that is not listed, nor by telling another's origin.
        page.goto(f"{site.origin('evil')}/around")
        page.wait_for_timeout(500)
        assert not page.frame_locator("#shop").frame_locator("iframe").locator("input").count()
        page.goto(f"{site.origin('evil')}/liar")
        page.wait_for_timeout(500)
        assert not fields(page).locator("input").count()


def test_the_frame_listens_to_its_page_only_and_the_page_to_its_frame(
    system: System, site: Site, listed: NewMerchant
) -> None:
    """Another frame of the same page can neither make the card's frame do anything nor stand in for it."""
    site.pages["/"] = example(system, listed.keys["pk_test"])
    site.pages["/intruder"] = """<script>
        const ask = { tollgate: 1, type: "clear" };
        const lie = { tollgate: 1, type: "change", state: { complete: true, brand: "lie" } };
        parent[0].postMessage(ask, "*"); parent.postMessage(lie, "*");
    </script>"""
    with open_page(needed_chromium()) as page:
        page.goto(site.origin())
        page.evaluate("window.states = []; card.on('change', (state) => states.push(state))")
        type_card(page, VISA)
        address = f"{site.origin()}/intruder"
        page.evaluate(f"""() => new Promise((done) => {{
            const frame = document.createElement("iframe");
            frame.onload = done; frame.src = "{address}"; document.body.append(frame);
        }})""")
        page.wait_for_timeout(200)
        assert page.frame_locator("#card iframe").locator("#number").input_value() == "4242 4242 4242 4242"
        assert last(page)["brand"] == "visa"


def test_the_cardholders_bank_is_asked_and_leads_back_to_the_page(
    system: System, site: Site, listed: NewMerchant, client: StripeClient
) -> None:
    intent = client.v1.payment_intents.create({"amount": 2_000, "currency": "usd"})
    site.pages["/"] = example(system, listed.keys["pk_test"], str(intent.client_secret))
    with open_page(needed_chromium()) as page:
        page.goto(site.origin())
        type_card(page, DECLINED)
        page.keyboard.press("Enter")
        page.wait_for_selector("#error:has-text('insufficient funds')")
        page.evaluate("card.clear()")
        type_card(page, CHALLENGED)
        page.keyboard.press("Enter")
        page.wait_for_selector("#complete")
        assert page.url.startswith(system.bank.url)
        page.click("#complete")
        page.wait_for_selector("text=Your payment was made")
        assert page.url.startswith(site.origin())
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_the_fields_are_labelled_reached_by_keyboard_and_speak_german(
    system: System, site: Site, listed: NewMerchant
) -> None:
    site.pages["/"] = example(system, listed.keys["pk_test"])
    with open_page(needed_chromium(), locale="de-DE", width=390) as page:
        page.goto(site.origin())
        number, expiry, code = (
            fields(page).get_by_role("textbox", name=name, exact=True)
            for name in ("Kartennummer", "Gültig bis", "Prüfnummer")
        )
        number.wait_for()
        assert page.get_attribute("iframe", "title") == "Kartendaten"
        assert fields(page).locator("html").get_attribute("lang") == "de"
        page.focus("input[name=name]")
        for field in (number, expiry, code):
            page.keyboard.press("Tab")
            assert field.evaluate("(input) => input === document.activeElement")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Pay 20.00 USD"
        number.focus()
        page.keyboard.type("4242")
        code.focus()
        alert = fields(page).locator("#number-message")
        assert alert.inner_text() == "Die Kartennummer ist unvollständig."
        assert alert.get_attribute("role") == "alert"
        assert number.get_attribute("aria-invalid") == "true"
        assert number.get_attribute("aria-describedby") == "number-message"
        assert fields(page).locator("body").evaluate("(body) => body.scrollWidth <= innerWidth")
        inner = fields(page).locator("body").evaluate("(body) => body.getBoundingClientRect().height")
        assert abs(page.evaluate("document.querySelector('iframe').clientHeight") - inner) <= 1
        page.evaluate("card.unmount(); tollgate.elements({ locale: 'en' }).create('card').mount('#card')")
        fields(page).get_by_role("textbox", name="Card number").wait_for()


def test_a_style_sets_a_look_and_nothing_else(system: System, site: Site, listed: NewMerchant) -> None:
    site.pages["/"] = example(system, listed.keys["pk_test"])
    with open_page(needed_chromium()) as page:
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.goto(site.origin())
        number = fields(page).locator("#number")
        number.wait_for()
        assert number.evaluate("(input) => getComputedStyle(input).borderRadius") == "6px"
        page.evaluate("""card.update({ style: {
            base: { color: "rgb(10, 20, 30)", position: "fixed", "::placeholder": { color: "rgb(1, 2, 3)" },
                    backgroundColor: "url(https://evil.example/)", fontSize: "1px} body {display: none" },
            invalid: { color: "rgb(200, 0, 0)" }, nonsense: { color: "red" },
        } })""")
        page.wait_for_timeout(100)
        assert number.evaluate("(input) => getComputedStyle(input).color") == "rgb(10, 20, 30)"
        assert number.evaluate("(i) => getComputedStyle(i, '::placeholder').color") == "rgb(1, 2, 3)"
        assert number.evaluate("(input) => getComputedStyle(input).position") != "fixed"
        number.click()
        page.keyboard.type("4242424242424241")
        assert number.evaluate("(input) => getComputedStyle(input).color") == "rgb(200, 0, 0)"
        for refused in ("base.position", "base.backgroundColor", "base.fontSize", "style.nonsense"):
            assert any(refused in line for line in told), (refused, told)
