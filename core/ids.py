"""Public identifiers: `ch_` and 24 characters, sortable by time of creation and too random to guess."""

import os
import time
from binascii import b2a_base64

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Two digits at a time: a charge needs half a dozen ids, and steps in Python are what they cost.
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
# 8 base-62 digits hold milliseconds until the year 8889; 16 more carry 95 random bits.
TIME_DIGITS = 8
RANDOM_DIGITS = 16
# Asking the system for random bytes lets go of the interpreter's lock, and a busy process waits for it again each
# time: so it asks once for many ids.
IDS_AT_ONCE = 256

_ready: list[str] = []


def new_id(prefix: str) -> str:
    """A fresh public id such as `ch_0Tn3kQ9x…`; ids made later sort later (C collation, millisecond steps)."""
    number = time.time_ns() // 1_000_000
    stamp = ""
    for _ in range(TIME_DIGITS // 2):
        number, pair = divmod(number, len(PAIRS))
        stamp = PAIRS[pair] + stamp
    while True:
        try:
            return f"{prefix}_{stamp}{_ready.pop()}"
        except IndexError:
            _make_ready()


def random_text(length: int) -> str:
    """`length` characters of [0-9A-Za-z] from the system's random source."""
    text = b""
    while len(text) < length:
        # Each character is as likely as any other: of base 64's alphabet, what is not in ours is left out.
        text += b2a_base64(os.urandom(length + 6)).translate(None, b"+/=\n")
    return text[:length].decode()


def _make_ready() -> None:
    text = random_text(IDS_AT_ONCE * RANDOM_DIGITS)
    _ready.extend(text[at : at + RANDOM_DIGITS] for at in range(0, len(text), RANDOM_DIGITS))


# A child must not use what its parent will.
os.register_at_fork(after_in_child=_ready.clear)
