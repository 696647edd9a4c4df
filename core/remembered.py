"""What the database holds and every charge needs, read at most once in a while by each process. A database that
is away leaves what was known."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import DatabaseError, InterfaceError, connection

from core.db import release_connection

T = TypeVar("T")
# A database that is away is not asked again at once: each time, one charge waits for it.
REST_SECONDS = 5.0

log = logging.getLogger("tollgate.core")


class Remembered(Generic[T]):
    """`get()` is at most `seconds` old, as far as the database can be reached; it costs nothing in between. The
    thread that finds it too old reads it anew; the others go on with the old one meanwhile."""

    def __init__(self, read: Callable[[], T], *, seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._value: T | None = None
        self._until = 0.0
        self._lock = threading.Lock()

    def get(self) -> T:
        """Where it was never read and can not be read now: the database's error."""
        value = self._value
        if value is not None and time.monotonic() < self._until:
            return value
        if not self._lock.acquire(blocking=value is None):
            assert value is not None
            return value
        try:
            return self._refresh()
        finally:
            self._lock.release()

    def expire(self) -> None:
        """It has changed: the next `get` reads it."""
        self._until = 0.0

    def _refresh(self) -> T:
        if self._value is not None and time.monotonic() < self._until:
            return self._value  # another thread was first
        # Set before it is read: a change that comes while it is read expires it again.
        self._until = time.monotonic() + self._seconds
        try:
            self._value = self._read()
        except (DatabaseError, InterfaceError) as error:
            if self._value is None or connection.in_atomic_block:
                self._until = 0.0
                raise
            self._until = time.monotonic() + REST_SECONDS
            log.warning("%s could not be read, the last known goes on: %s", self._read.__name__, error)
        if not connection.in_atomic_block:
            release_connection()
        return self._value
