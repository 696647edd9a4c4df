"""Takes a card out of whatever a processor answers, before the answer leaves the vault. Pure."""

import re
from typing import Any

# What stands between the digits of a number that was formatted or URL-encoded.
BETWEEN = r"(?:%20|[\W_]){0,3}"
CODE_NAME = re.compile(r"cvc|cvv|csc|cid$|^cid|security_?code|verification_?(?:value|code)", re.IGNORECASE)
CODE = re.compile(r"\d{3,4}")
CODE_IN_TEXT = re.compile(
    r"((?:cvc|cvv|csc|security.?code|verification.?(?:value|code))2?\W{0,5}(?:is|was)?\W{0,3})(?<!\d)\d{3,4}(?!\d)",
    re.IGNORECASE,
)
MASK = "***"


def scrub(answer: Any, number: str) -> Any:
    """The answer without the card's number, however spaced, and without security codes. Whether a check
    passed stays: `{"cvc": "pass"}` is no code."""
    pattern = re.compile(BETWEEN.join(number))
    return _scrub(answer, pattern, f"[card …{number[-4:]}]", holds_code=False)


def _scrub(value: Any, number: re.Pattern[str], label: str, *, holds_code: bool) -> Any:
    match value:
        case dict():
            return {
                _text(str(key), number, label): _scrub(
                    item, number, label, holds_code=bool(CODE_NAME.search(str(key)))
                )
                for key, item in value.items()
            }
        case list():
            return [_scrub(item, number, label, holds_code=holds_code) for item in value]
        case bool() | None:
            return value
        case int() | float():
            digits = str(value)
            if holds_code and CODE.fullmatch(digits):
                return MASK
            return _text(digits, number, label) if number.search(f"{value:.0f}") else value
        case str():
            return MASK if holds_code and CODE.fullmatch(value.strip()) else _text(value, number, label)
        case _:
            raise TypeError(f"JSON holds no {type(value).__name__}")


def _text(text: str, number: re.Pattern[str], label: str) -> str:
    return CODE_IN_TEXT.sub(rf"\g<1>{MASK}", number.sub(label, text))
