"""The challenge's page: what a cardholder sees, in plain HTML and in a real browser."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from sandbox.amounts import shown
from tests.console.browser import needed_chromium, open_page
from tests.sandbox.bank_process import Page, SandboxBank
from tests.sandbox.receiver import Receiver

NASTY = "<script>alert('\"&')</script>"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def test_page_shows_merchant_amount_and_card_and_offers_both_answers(bank: SandboxBank) -> None:
    waiting = bank.challenge(descriptor="Corner Shop")
    page = bank.page(waiting["redirect_url"])
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    for text in ("Corner Shop", "100.00 USD", "ending in 3184", "<title>Confirm your payment"):
        assert text in page.text
    tags = Tags(page.text)
    assert tags.all("html") == [{"lang": "en"}]
    (form,) = tags.all("form")
    assert form == {"method": "post", "action": f"/challenge/{waiting['id']}"}
    assert [(button["id"], button["name"], button["value"]) for button in tags.all("button")] == [
        ("complete", "outcome", "succeed"),
        ("fail", "outcome", "fail"),
    ]


def test_page_needs_no_script_and_nothing_from_elsewhere(bank: SandboxBank) -> None:
    page = bank.page(bank.challenge()["redirect_url"])
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in Tags(page.text).tags}
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    found = re.search("<style>(.*?)</style>", page.text, re.DOTALL)
    assert found
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy


def test_nothing_of_the_callers_becomes_markup(bank: SandboxBank) -> None:
    url = 'https://shop.example/?a=\'><script>alert(1)</script>&b="x"'
    waiting = bank.challenge(descriptor=NASTY, return_url=url)
    pages = [bank.page(waiting["redirect_url"])]
    bank.answer(waiting["redirect_url"], "fail")
    pages.append(bank.page(waiting["redirect_url"]))
    for page in pages:
        assert "alert" in page.text
        assert not Tags(page.text).all("script")
    (link,) = Tags(pages[1].text).all("a")
    assert link["href"] == url


@pytest.mark.parametrize(("outcome", "words"), [("succeed", "complete"), ("fail", "failed")])
def test_without_a_return_url_the_page_says_what_became_of_it(
    bank: SandboxBank, outcome: str, words: str
) -> None:
    waiting = bank.challenge()
    answers = [bank.answer(waiting["redirect_url"], outcome), bank.page(waiting["redirect_url"])]
    for page in answers:
        assert page.status == 200
        assert f"<h1>Authentication {words}</h1>" in page.text
        assert "may close this page" in page.text
        assert not Tags(page.text).all("form")


def test_voided_challenge_offers_nothing_but_the_way_back(bank: SandboxBank) -> None:
    waiting = bank.challenge(return_url="https://shop.example/return")
    bank.void(waiting["id"])
    page = bank.page(waiting["redirect_url"])
    assert (page.status, "This payment was cancelled" in page.text) == (200, True)
    assert not Tags(page.text).all("form")
    assert [link["href"] for link in Tags(page.text).all("a")] == ["https://shop.example/return"]


@pytest.mark.parametrize("outcome", [None, "", "maybe", "succeed\n"])
def test_answer_that_is_none_changes_nothing(bank: SandboxBank, outcome: str | None) -> None:
    waiting = bank.challenge()
    assert bank.answer(waiting["redirect_url"], outcome).status == 400
    assert bank.look_up(waiting["reference"]).body == waiting


def test_unknown_challenge_is_a_page_of_its_own(bank: SandboxBank) -> None:
    plain = bank.authorize("op_no_challenge").body["id"]
    url = f"{bank.url}/challenge"
    pages: list[Page] = [bank.page(f"{url}/auth_nobody"), bank.page(f"{url}/{plain}")]
    pages.append(bank.answer(f"{url}/auth_nobody", "succeed"))
    for page in pages:
        assert page.status == 404
        assert "Unknown payment" in page.text
        assert "auth_" not in page.text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1, "usd", "0.01 USD"),
        (123456789, "eur", "1,234,567.89 EUR"),
        (500, "jpy", "500 JPY"),
        (1234, "kwd", "1.234 KWD"),
        (5, "bhd", "0.005 BHD"),
    ],
)
def test_amount_has_the_decimals_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert shown(amount, currency) == text


@pytest.mark.browser
@pytest.mark.parametrize(("key", "state"), [("complete", "approved"), ("fail", "declined")])
def test_cardholder_answers_with_the_keyboard_and_comes_back_to_the_merchant(
    bank: SandboxBank, key: str, state: str
) -> None:
    """Over a redirect of the merchant's own: a policy for forms holds for the whole way."""
    program = needed_chromium()
    merchant = Receiver()
    waiting = bank.challenge(capture=True, descriptor="Corner Shop", return_url=merchant.start_url)
    try:
        with open_page(program, width=420, height=760) as page:
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.goto(waiting["redirect_url"])
            page.keyboard.press("Tab")
            if key == "fail":
                page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") == key
            page.keyboard.press("Enter")
            page.wait_for_url(merchant.end_url)
            assert page.inner_text("h1") == "Thank you"
    finally:
        merchant.close()
    assert complaints == []
    assert bank.look_up(waiting["reference"]).body["status"] == state
