"""Public identifiers: `ch_` and 24 characters, sortable by time of creation and too random to guess."""

import secrets
import time

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# 8 base-62 digits hold milliseconds until the year 8889; 16 more carry 95 random bits.
TIME_DIGITS = 8
RANDOM_DIGITS = 16


def new_id(prefix: str) -> str:
    """A fresh public id such as `ch_0Tn3kQ9x…`; ids made later sort later (C collation, millisecond steps)."""
    number = time.time_ns() // 1_000_000
    stamp = ""
    for _ in range(TIME_DIGITS):
        number, digit = divmod(number, 62)
        stamp = ALPHABET[digit] + stamp
    return f"{prefix}_{stamp}{random_text(RANDOM_DIGITS)}"


def random_text(length: int) -> str:
    """`length` characters of [0-9A-Za-z] from the system's random source."""
    number = secrets.randbits(6 * length + 16)
    text = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        text.append(ALPHABET[digit])
    return "".join(text)
