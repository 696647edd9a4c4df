"""Takes card numbers and keys out of text, at the one place that every log line and stored answer passes."""

import logging
import re

# 13 to 19 digits, single spaces or dashes between them allowed, as people and forms write card numbers.
CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
KEY = re.compile(
    r"\b(sk|pk|rk)_(test|live)_([A-Za-z0-9]+)|\b(whsec)_([A-Za-z0-9]+)|\bpi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"
)


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
    return KEY.sub(_mask_key, CARD.sub(_mask_card, text))


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


class RedactingFormatter(logging.Formatter):
    """Writes a record whole, tracebacks included, and takes out of it what must not be read."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
