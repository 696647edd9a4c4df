"""A card as a form, for processors that speak no JSON."""

import json
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.forms import parse_form
from processors.protocol import NotSent
from processors.vault import VaultClient
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import CARD_BODY, VISA, Merchant, forward_request
from vault.placeholders import FORM, JSON, check_encoding, encode

FORM_HEADERS = {"Authorization": "Bearer sandbox", "Content-Type": FORM}


def test_brackets_stand_for_what_is_nested() -> None:
    body = {
        "type": "card",
        "card": {"number": VISA, "exp_month": 12},
        "expand": ["a", {"b": "c"}],
        "yes": True,
    }
    assert encode(FORM, body).decode() == (
        f"type=card&card%5Bnumber%5D={VISA}&card%5Bexp_month%5D=12&expand%5B0%5D=a&expand%5B1%5D%5Bb%5D=c&yes=true"
    )


@pytest.mark.parametrize("text", ["", "a&b=c", "ü %5B", "a=b[c]", "\r\n"])
def test_no_text_becomes_another_field(text: str) -> None:
    assert parse_form(encode(FORM, {"metadata": {"note": text}}).decode()) == {"metadata": {"note": text}}


def test_null_is_left_out_of_a_form_and_stands_in_json() -> None:
    assert encode(FORM, {"a": None, "b": 1}) == b"b=1"
    assert json.loads(encode(JSON, {"a": None, "b": 1})) == {"a": None, "b": 1}


@pytest.mark.parametrize("body", [{"a][b": "c"}, {"a": {"b[": "c"}}, {"a": 1.5}])
def test_what_a_form_can_not_say_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        check_encoding(FORM, body)
    check_encoding(JSON, body)


@pytest.mark.parametrize(
    ("name", "content_type"), [("Content-Type", FORM), ("content-type", f"{FORM}; charset=utf-8")]
)
def test_the_card_goes_out_as_the_headers_say(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, name: str, content_type: str
) -> None:
    order = forward_request(
        merchant.id,
        merchant.new_token(),
        processor.url,
        headers={name: content_type},
        body={"type": "card", "card": CARD_BODY},
    )
    client.forward(order)
    assert processor.arrived == [
        {
            "type": "card",
            "card[number]": VISA,
            "card[exp_month]": "12",
            "card[exp_year]": "2034",
            "card[cvc]": "123",
        }
    ]
    assert processor.headers[0].get_all("Content-Type") == [content_type]


def test_a_code_that_is_gone_is_not_in_the_form(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    token = merchant.new_token(cvc=None)
    client.forward(forward_request(merchant.id, token, processor.url, headers=FORM_HEADERS))
    assert "card[cvc]" not in processor.arrived[0]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/xml"}, {"card": CARD_BODY}),
        ({"Content-Type": FORM, "content-type": JSON}, {"card": CARD_BODY}),
        (FORM_HEADERS, {"card": CARD_BODY, "metadata": {"a][b": "c"}}),
    ],
)
def test_an_order_that_can_not_be_written_is_refused_and_the_token_stays_unused(
    merchant: Merchant,
    client: VaultClient,
    processor: ScriptedProcessor,
    headers: dict[str, str],
    body: dict[str, Any],
) -> None:
    token = merchant.new_token()
    outcome = client.forward(forward_request(merchant.id, token, processor.url, headers=headers, body=body))
    assert isinstance(outcome, NotSent)
    assert outcome.code == "vault_refused"
    assert processor.arrived == []
    assert client.token(token, merchant.id, False).used is False  # type: ignore[union-attr]
