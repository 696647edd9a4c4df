"""The circuit breakers: every process counts what its own calls to a processor came to, and opens the breaker for
all when too many fail for technical reasons. Nothing here can fail a payment."""

import logging
import threading
import time
from collections import deque
from datetime import datetime

from django.conf import settings
from django.db import connection

from payments import health
from payments.health import allows
from processors.protocol import NotFound, NotSent, Outcome, Unknown

__all__ = ["allows", "close_breaker", "note"]

# Opens at this many failures, if they are at least this share of the calls of the last seconds.
MIN_FAILURES: int = settings.BREAKER_MIN_FAILURES
MIN_SHARE = 0.5
WINDOW_SECONDS = 30
# After a database that is away, breakers are left alone for a while: no payment waits for one twice.
REST_SECONDS = 5.0
# The reasons of NotSent that are about the processor as a whole; all others are about one payment, or about us.
CODES_OF_PROCESSORS = frozenset({"", "connection_failed", "processor_refused"})

log = logging.getLogger("tollgate.processors")
_resting_until = 0.0


class Window:
    """The calls of this process to one processor, counted by the second. Not safe for threads by itself."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._seconds: deque[list[int]] = deque()  # [second, calls, failures]

    def count(self, *, failed: bool, now: float) -> tuple[int, int]:
        """Calls and failures within the window, this one included."""
        second = int(now)
        while self._seconds and self._seconds[0][0] <= second - WINDOW_SECONDS:
            self._seconds.popleft()
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
        self._seconds[-1][1] += 1
        self._seconds[-1][2] += failed
        if not failed:
            return 0, 0  # nobody asks
        return sum(each[1] for each in self._seconds), sum(each[2] for each in self._seconds)

    def clear(self, since: datetime | None = None) -> None:
        """What was counted is used up, or from before the breaker changed."""
        self.since = since
        self._seconds.clear()


_windows: dict[str, Window] = {}
_lock = threading.Lock()


def note(processor: str, outcome: Outcome | NotFound) -> None:
    """To be told of every answer of a processor, outside of transactions. Cheap, and raises nothing."""
    try:
        _note(processor, outcome)
    except health.AWAY as error:
        _rest(error)
    except Exception:
        log.exception("an outcome of %s was not counted", processor)


def close_breaker(processor: str, *, by: str, reason: str) -> bool:
    """Closes it by hand: payments go to the processor again at once. False where it was closed already."""
    return health.close_by_hand(processor, f"closed by {by}: {reason}")


def _note(processor: str, outcome: Outcome | NotFound) -> None:
    if connection.in_atomic_block or time.monotonic() < _resting_until:
        return
    failure = technical_failure(outcome)
    known = health.breakers().get(processor)
    reason = _count(processor, failure, known.since if known else None)
    if health.is_probing(processor):
        if failure:
            health.probe_failed(processor, failure)
        else:
            health.probe_succeeded(processor)
    elif known is None or known.closed:
        if reason:
            health.open_breaker(processor, reason)
    elif not failure and not known.waiting:
        health.probe_succeeded(processor)


def technical_failure(outcome: Outcome | NotFound) -> str:
    """Why a call failed for technical reasons, "" for all that the processor had a say in: declines are answers."""
    match outcome:
        case Unknown(reason=reason):
            return reason or "no answer"
        case NotSent(reason=reason, code=code) if code in CODES_OF_PROCESSORS:
            return reason or "not sent"
        case _:
            return ""


def _count(processor: str, failure: str, since: datetime | None) -> str:
    """Why the breaker has to open, if it has to. What was counted before it last changed, `since`, is forgotten."""
    with _lock:
        window = _windows.setdefault(processor, Window())
        if since != window.since:
            window.clear(since)
        calls, failures = window.count(failed=bool(failure), now=time.monotonic())
        if failures < MIN_FAILURES or failures < MIN_SHARE * calls:
            return ""
        window.clear(since)  # one thread opens it; nobody opens it twice for the same calls
    return f"{failures} of {calls} calls failed within {WINDOW_SECONDS} s, the last: {failure}"


def _rest(error: Exception) -> None:
    global _resting_until
    _resting_until = time.monotonic() + REST_SECONDS
    log.warning("the breakers are left alone for %s s: %s", REST_SECONDS, error)
