"""Keys of merchants that a remote master key has unwrapped, for a minute: not every charge asks an HSM."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

KEEP_SECONDS = 60
# Of merchants that are served at once; beyond, the oldest go.
MOST = 10_000


class Wrapping(NamedTuple):
    """The ciphertext itself is part of what is asked for: a key that was replaced or shredded is not found."""

    version: int
    wrapped: bytes
    merchant: str


_known: dict[Wrapping, tuple[float, bytes]] = {}
_lock = threading.Lock()


def unwrapped(wrapping: Wrapping, ask: Callable[[], bytes]) -> bytes:
    """The key that `ask` gives. What it raises is not remembered."""
    now = time.monotonic()
    with _lock:
        _forget_before(now)
        if found := _known.get(wrapping):
            return found[1]
    key = ask()
    with _lock:
        _known.pop(wrapping, None)
        _known[wrapping] = now + KEEP_SECONDS, key
    return key


def _forget_before(now: float) -> None:
    # They stand in the order of their coming.
    while _known:
        first = next(iter(_known))
        if _known[first][0] > now and len(_known) <= MOST:
            return
        del _known[first]
