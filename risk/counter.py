"""Marks in Redis, left and counted by one script in one round trip. Redis may forget: `count` says whether it has
all.

A server that does not know the script has started anew, with nothing in it or with old news; by that a loss is
noticed, and by the sign that is missing where everything was deleted.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from core.redis_line import packed, redis_line
from risk.marks import KEEP, MOST, Line, hidden

# Whoever fills it again and dies is followed by another after this.
TURN_SECONDS = 60
SCRIPT = Path(__file__).with_name("counter.lua").read_bytes()
# Redis's own name for it; nothing rests on its strength.
SHA = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest()
NOW = 0
# Payments in one round trip: others wait meanwhile.
AT_ONCE = 100


class Uncounted(Exception):
    """Redis can't be asked, or does not have all of it."""


def count(lines: Sequence[Line], *, at: int = NOW) -> tuple[bool, list[int]]:
    """Leaves the marks and reads, at a time in milliseconds or at the server's; whether all older payments are in
    there, and the readings of the lines in their order. Uncounted where Redis does not answer."""
    asked = _command(lines, at)
    (answer,) = _answers(asked)
    if isinstance(answer, redis.exceptions.NoScriptError):
        # In this order: whoever finds the script finds no sign from before.
        *_, answer = _answers(packed(b"DEL", _sign()), packed(b"SCRIPT", b"LOAD", SCRIPT), asked)
    if isinstance(answer, Exception):
        raise Uncounted(f"Redis refuses: {answer}")
    whole, *readings = answer
    return bool(whole), readings


def leave(payments: Iterable[tuple[int, Sequence[Line]]]) -> None:
    """The marks of many, each at its time. Harmless for those that are there."""
    commands = [_command(lines, at, reads=False) for at, lines in payments if lines]
    for begin in range(0, len(commands), AT_ONCE):
        for answer in _answers(*commands[begin : begin + AT_ONCE]):
            if isinstance(answer, Exception):
                raise Uncounted(f"Redis refuses: {answer}")


def take_turn() -> bool:
    """Whether it is for this process to fill it."""
    seconds = str(TURN_SECONDS).encode()
    return bool(_answers(packed(b"SET", _sign() + b":turn", b"1", b"NX", b"EX", seconds))[0])


def is_whole() -> bool:
    return bool(_answers(packed(b"EXISTS", _sign()))[0])


def say_whole() -> None:
    _answers(packed(b"SET", _sign(), b"1"), packed(b"DEL", _sign() + b":turn"))


def secret() -> bytes:
    """Part of every name: under another one nothing is there, and that is noticed."""
    return settings.SECRET_KEY.encode()


def _sign() -> bytes:
    return f"risk:filled:{hidden('', secret())}".encode()


def _answers(*commands: bytes) -> list[Any]:
    answers = redis_line().ask(*commands)
    if answers is None:
        raise Uncounted("Redis is away")
    return answers


def _command(lines: Sequence[Line], at: int, *, reads: bool = True) -> bytes:
    words: list[str | int] = [
        "EVALSHA",
        SHA,
        len(lines) + 1,
        _sign().decode(),
        *(line.name for line in lines),
    ]
    words += [at, MOST]
    for line in lines:
        series = line.series
        wanted = series.reads if reads else ()
        words += [KEEP, line.mark, "GT" if series.what == "cards" else "NX", len(wanted)]
        for read in wanted:
            words += [read.how, read.window]
    return packed(*(str(word).encode() for word in words))
