"""Waiting for a database or a network no longer than there is time: what takes longer goes on alone, and its answer
is not waited for."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from core.db import release_connection

T = TypeVar("T")
# A database that hangs must not pile threads up: so many wait for it at a time, and the next ones don't even try.
MAX_WAITING = 64
_places = threading.BoundedSemaphore(MAX_WAITING)


class TooLate(Exception):
    """It took longer than there was time for."""


class Work(Generic[T]):
    """What a thread of its own is at. `result` may be asked for by many."""

    def __init__(self, work: Callable[[], T]) -> None:
        if not _places.acquire(blocking=False):
            raise TooLate(f"{MAX_WAITING} others wait already")
        self._work = work
        self._done = threading.Event()
        self._value: T | None = None
        self._error: Exception | None = None
        threading.Thread(target=self._run, name="risk", daemon=True).start()

    @property
    def over(self) -> bool:
        return self._done.is_set()

    def result(self, *, within: float) -> T:
        """TooLate; or the error of the work itself."""
        if not self._done.wait(max(within, 0)):
            raise TooLate(f"no answer within {within * 1000:.0f} ms")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def _run(self) -> None:
        try:
            self._value = self._work()
        except Exception as error:
            self._error = error
        finally:
            release_connection()
            _places.release()
            self._done.set()
