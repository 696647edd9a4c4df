"""Wakes a task when the next thing is due, or earlier when something new was written down."""

import asyncio
import logging
import time
from collections.abc import Callable

log = logging.getLogger("sandbox")

# A clock that is set back must not make anybody oversleep for long.
LONGEST_SLEEP_SECONDS = 30.0
# A disk that is full may have room again.
AFTER_TROUBLE_SECONDS = 5.0


class Alarm:
    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def keep(self, work: Callable[[], None], next_due: Callable[[], float | None]) -> None:
        """Does the work now, at each time that is due, and at each ring, for ever."""
        while True:
            self._rung.clear()
            seconds = _seconds_until_next(work, next_due)
            try:
                async with asyncio.timeout(min(seconds, LONGEST_SLEEP_SECONDS)):
                    await self._rung.wait()
            except TimeoutError:
                continue


def _seconds_until_next(work: Callable[[], None], next_due: Callable[[], float | None]) -> float:
    try:
        work()
        due = next_due()
    except Exception:
        log.exception("what is due was not done")
        return AFTER_TROUBLE_SECONDS
    return LONGEST_SLEEP_SECONDS if due is None else max(0.0, due - time.time())
