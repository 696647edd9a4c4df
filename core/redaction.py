"""Takes card numbers and keys out of text, at the one place that every log line and stored answer passes."""

import re
from typing import Any

# 13 to 19 digits, single spaces or dashes between them allowed, as people and forms write card numbers.
CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
# Also behind a line's end that was written as \n, as in a quoted text, where no word seems to begin.
KEY = re.compile(
    r"(?:\b|(?<=\\[nrt]))"
    r"(?:(?:sk|pk|rk)_(?:test|live)_[A-Za-z0-9]+|whsec_[A-Za-z0-9]+|pi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"
    r"|ticket_\w+\.[01]\.[0-9]+\.[0-9a-f]{64})"
)
# One of these is in every key, and in few other texts: looking for them costs a tenth of the pattern.
IN_KEYS = ("k_test_", "k_live_", "whsec_", "_secret_", "ticket_")
SHORTEST_CARD = 13


def luhn_valid(digits: str) -> bool:
    """ISO/IEC 7812-1 check digit."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit)
        if place % 2:
            number = number * 2 - 9 if number > 4 else number * 2
        total += number
    return total % 10 == 0


def redact(text: str) -> str:
    """The text with every card number (Luhn-valid, 13 to 19 digits) and every key masked to its last four."""
    if len(text) >= SHORTEST_CARD:
        text = CARD.sub(_mask_card, text)
    return KEY.sub(_mask_key, text) if any(part in text for part in IN_KEYS) else text


def redact_values(value: Any) -> Any:
    """The same for all that is in a hash or list, names too. What is neither text nor number becomes text."""
    match value:
        case str():
            return redact(value)
        case None | bool():
            return value
        case int() | float():
            shown = redact(str(value))
            return value if shown == str(value) else shown
        case dict():
            return {redact(str(name)): redact_values(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact_values(item) for item in value]
        case _:
            return redact(str(value))


def redact_bytes(content: bytes) -> bytes:
    """The same for bytes that may be no text; where there is nothing to mask, they stay as they are."""
    return redact(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def mask_key(key: str) -> str:
    """`sk_test_*********abcd`, the form in which a key may be shown."""
    if len(key) < 12:
        return "*" * len(key)
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


def _mask_card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match.group())
    return f"[card …{digits[-4:]}]" if luhn_valid(digits) else match.group()


def _mask_key(match: re.Match[str]) -> str:
    return mask_key(match.group())
