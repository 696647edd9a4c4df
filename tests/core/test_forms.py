"""Bracketed forms, as Stripe's SDKs and curl users send them."""

import pytest

from core.errors import InvalidRequest
from core.forms import parse_body, parse_form


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1&b=x%20y", {"a": "1", "b": "x y"}),
        ("card[number]=4&card[cvc]=1", {"card": {"number": "4", "cvc": "1"}}),
        ("card%5Bnumber%5D=4", {"card": {"number": "4"}}),
        ("expand[]=a&expand[]=b", {"expand": ["a", "b"]}),
        ("expand[1]=b&expand[0]=a", {"expand": ["a", "b"]}),
        ("items[0][price]=p&items[0][n]=2", {"items": [{"price": "p", "n": "2"}]}),
        ("metadata[k]=", {"metadata": {"k": ""}}),
        ("metadata=", {"metadata": ""}),
        ("", {}),
    ],
)
def test_brackets_become_nested_data(text: str, expected: object) -> None:
    assert parse_form(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a[b=1",
        "[a]=1",
        "a[b]c=1",
        "a=1&a[b]=2",
        "a[b]=2&a=1&a[c]=3",
        "a[]=1&a[b]=2",
        "a" + "[b]" * 9 + "=1",
        "a=%00",
        "a=%ff",
        "&".join(f"a{n}=1" for n in range(1_001)),
    ],
)
def test_what_can_not_be_read_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_form(text)
    assert raised.value.message


def test_json_is_read_too() -> None:
    assert parse_body("application/json", b'{"amount": 100}') == {"amount": 100}


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff", b'"x"', b'{"a": "\\u0000"}', b"[" * 100_000])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_body("application/json", body)


def test_a_form_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        parse_body("application/x-www-form-urlencoded", b"a=\xff")
