"""Takes a card out of whatever a processor answers, before the answer leaves the vault. Pure; no pattern is
made of a number, for `re` would remember it."""

import re
from typing import Any

# What may stand between the digits of a number that was formatted or URL-encoded.
BETWEEN = r"%[0-9A-Fa-f]{2}|[\W_]"
DIGITS = re.compile(rf"[0-9](?:(?:{BETWEEN}){{0,3}}[0-9]){{11,}}")
DIGIT = re.compile(r"%[0-9A-Fa-f]{2}|([0-9])")
CODE_NAME = re.compile(r"cvc|cvv|csc|cid$|^cid|security_?code|verification_?(?:value|code)", re.IGNORECASE)
CODE = re.compile(r"\d{3,4}")
NAME = r"(?:cvc|cvv|csc|security.?code|verification.?(?:value|code))2?"
# Written without anything between, name and code are a word of their own: the ids that processors make up at random
# may hold `cvc407` as well, and without its id a payment could neither be captured nor refunded.
CODE_IN_TEXT = re.compile(
    rf"({NAME}(?=(?:is|was)?\W)\W{{0,5}}(?:is|was)?\W{{0,3}}(?<!\d))\d{{3,4}}(?!\d)"
    rf"|((?<![^\W_]){NAME}(?:is|was)?(?<!\d))\d{{3,4}}(?![^\W_])",
    re.IGNORECASE,
)
MASK = "***"


def scrub(answer: Any, number: str) -> Any:
    """The answer without the card's number, however spaced, and without security codes. Whether a check
    passed stays: `{"cvc": "pass"}` is no code."""
    return _scrub(answer, number, holds_code=False)


def _scrub(value: Any, number: str, *, holds_code: bool) -> Any:
    match value:
        case dict():
            return {
                _text(str(key), number): _scrub(item, number, holds_code=bool(CODE_NAME.search(str(key))))
                for key, item in value.items()
            }
        case list():
            return [_scrub(item, number, holds_code=holds_code) for item in value]
        case bool() | None:
            return value
        case int() | float():
            if holds_code and CODE.fullmatch(str(value)):
                return MASK
            return _label(number) if number in f"{value:.0f}" else value
        case str():
            return MASK if holds_code and CODE.fullmatch(value.strip()) else _text(value, number)
        case _:
            raise TypeError(f"JSON holds no {type(value).__name__}")


def _text(text: str, number: str) -> str:
    without = DIGITS.sub(lambda run: _without(run.group(), number), text)
    return CODE_IN_TEXT.sub(lambda found: (found[1] or found[2]) + MASK, without)


def _without(run: str, number: str) -> str:
    """A run of digits, and what stands between them, with the number in it replaced."""
    places = [found.start() for found in DIGIT.finditer(run) if found[1]]
    at = "".join(run[place] for place in places).find(number)
    if at < 0:
        return run
    first, last = places[at], places[at + len(number) - 1]
    return run[:first] + _label(number) + _without(run[last + 1 :], number)


def _label(number: str) -> str:
    return f"[card …{number[-4:]}]"
