"""Waiting for what other processes do: as short as possible, never longer than a bound."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, seconds: float = 30, what: str = "") -> T:
    """The first true answer of `look`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen in {seconds} s: {what or look}")
        time.sleep(0.05)
    return found
