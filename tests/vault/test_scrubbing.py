"""No form of a card's number survives, and nothing else is lost."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.card import PlainCard
from vault.placeholders import fill, values_of
from vault.scrubbing import scrub

NUMBER = "4242424242424242"
CARD = PlainCard(NUMBER, 12, 2034, "123")

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_what_holds_no_card_stays_as_it_was(answer: Any) -> None:
    text = msgspec.json.encode(answer).decode().lower()
    if any(name in text for name in ("cvc", "cvv", "csc", "cid", "code")):
        return
    assert scrub(answer, NUMBER) == answer


@given(st.text(alphabet=" -./_", max_size=3), st.text(max_size=5), st.text(max_size=5))
def test_a_number_is_found_however_it_is_spaced(between: str, before: str, after: str) -> None:
    groups = between.join(NUMBER[place : place + 4] for place in range(0, 16, 4))
    assert groups not in scrub({"text": before + groups + after}, NUMBER)["text"]


@pytest.mark.parametrize(
    "answer",
    [
        NUMBER,
        int(NUMBER),
        float(NUMBER),
        [NUMBER],
        {NUMBER: 1},
        f"x{NUMBER}y",
        f"0{NUMBER}",
        "+".join(NUMBER),
    ],
)
def test_the_number_is_found_in_every_type(answer: Any) -> None:
    digits = "".join(filter(str.isdigit, msgspec.json.encode(scrub(answer, NUMBER)).decode()))
    assert "42424242" not in digits


@pytest.mark.parametrize(
    "name", ["cvc", "CVV2", "card_cvc", "securityCode", "security_code", "cid", "verification_value"]
)
def test_codes_are_masked_by_their_names(name: str) -> None:
    assert scrub({name: "123"}, NUMBER) == {name: "***"}
    assert scrub({name: 1234}, NUMBER) == {name: "***"}
    assert scrub({name: ["123"]}, NUMBER) == {name: ["***"]}


@pytest.mark.parametrize(
    "answer",
    [
        {"cvc": "pass"},
        {"cvc_check": None},
        {"decline_code": "incorrect_cvc"},
        {"amount": 123},
        {"status": 402},
    ],
)
def test_what_is_no_code_stays(answer: Any) -> None:
    assert scrub(answer, NUMBER) == answer


@pytest.mark.parametrize("made_up", ["auth_y9jqigcvc407pzdaaj8h", "AYRQCVV123", "ch_Cvc2123x", "csc1234e"])
def test_an_id_that_a_processor_made_up_stays_as_it_is(made_up: str) -> None:
    """Without it the payment could neither be captured nor refunded."""
    answer = {"id": made_up, "raw": [made_up], "note": f"{made_up} was approved"}
    assert scrub(answer, NUMBER) == answer


@pytest.mark.parametrize(
    "text", ["cvc=123", "CVV: 123", "the cvc2 was 123", "security code 1234 is wrong", "CVC123 is wrong"]
)
def test_codes_are_masked_in_sentences(text: str) -> None:
    assert "12" not in scrub(text, NUMBER).replace("cvc2", "")


@given(JSON)
def test_a_filled_request_that_is_echoed_comes_back_without_the_card(body: Any) -> None:
    order = {"card": {"number": "{{card.number}}", "cvc": "{{card.cvc}}"}, "rest": body}
    echoed = fill(order, values_of(CARD))
    assert echoed["card"] == {"number": NUMBER, "cvc": "123"}
    assert scrub(echoed, NUMBER)["card"] == {"number": "[card …4242]", "cvc": "***"}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("paid 100 4242 4242 4242 4242 on 12/34", "paid 100 [card …4242] on 12/34"),
        (f"{NUMBER} {NUMBER}", "[card …4242] [card …4242]"),
        ("4242%204242%204242%204242", "[card …4242]"),
        ("4242%2D4242%2D4242%2D4242&x=1", "[card …4242]&x=1"),
        ("ref 424242424242424, 1999", "ref 424242424242424, 1999"),
    ],
)
def test_only_the_number_goes(text: str, clean: str) -> None:
    assert scrub(text, NUMBER) == clean
