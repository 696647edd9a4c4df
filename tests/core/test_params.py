"""Complaints name the parameter and the value."""

from typing import Any

import msgspec
import pytest

from core.errors import InvalidRequest
from core.listing import ListParams
from core.params import Params, check_metadata, read


class Example(Params):
    amount: int
    capture: bool | None = None
    metadata: dict[str, str] | None = None
    nested: dict[str, int] | None = None


@pytest.mark.parametrize(
    ("data", "code", "param", "words"),
    [
        ({}, "parameter_missing", "amount", "Missing required param: amount."),
        ({"amount": "1", "x": "1"}, "parameter_unknown", "x", "Received unknown parameter: x"),
        ({"amount": "1.5"}, "parameter_invalid_integer", "amount", "Invalid integer: 1.5"),
        ({"amount": ""}, "parameter_invalid_empty", "amount", "empty string"),
        ({"amount": {"a": "1"}}, "parameter_invalid_integer", "amount", "Invalid integer"),
        ({"amount": "1", "capture": "maybe"}, None, "capture", "Invalid boolean: maybe"),
        ({"amount": "1", "metadata": "x"}, None, "metadata", "key-value"),
        ({"amount": "1", "metadata": {"a": {"b": "c"}}}, None, "metadata", "Invalid string"),
    ],
)
def test_a_bad_parameter_is_named(data: dict[str, Any], code: str | None, param: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(Example, data)
    assert raised.value.wire_code == code
    assert raised.value.param is not None and raised.value.param.startswith(param)
    assert words in raised.value.message


def test_text_and_json_values_read_the_same() -> None:
    assert read(Example, {"amount": "5", "capture": "false"}) == read(
        Example, {"amount": 5, "capture": False}
    )


def test_an_empty_value_unsets() -> None:
    assert read(Example, {"amount": "5", "metadata": ""}).metadata is None


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1"])
def test_a_page_has_1_to_100_rows(limit: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(ListParams, {"limit": limit})
    assert raised.value.param == "limit"


@pytest.mark.parametrize("metadata", [{f"k{n}": "v" for n in range(51)}, {"k" * 41: "v"}, {"k": "v" * 501}])
def test_metadata_has_limits(metadata: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        check_metadata(metadata)
    assert "metadata" in (raised.value.param or "")


class Within(msgspec.Struct):
    gt: int | None = None


class Asked(Params):
    amount: int | None = None
    text: str | None = None
    within: Within | None = None


def test_the_word_null_is_no_number_that_was_left_out() -> None:
    """An amount that is left out is all of it."""
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"amount": "null"}, "amount"),
        ({"amount": "NULL"}, "amount"),
        ({"within": {"gt": "null"}}, "within[gt]"),
        ({"within": "null"}, "within"),
    ]
    for given, param in refusals:
        with pytest.raises(InvalidRequest) as refused:
            read(Asked, given)
        assert refused.value.param == param
    assert read(Asked, {"text": "null"}).text == "null"
    assert read(Asked, {"amount": None, "text": ""}) == Asked()
