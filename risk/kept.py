"""What every verdict needs and the database holds: kept in memory, read anew in the background."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from risk.waiting import Work

T = TypeVar("T")
# The first reading of a process has this long, whatever a verdict may take: the first customers after a start must
# not be judged by a fault.
FIRST_SECONDS = 2.0

log = logging.getLogger("tollgate.risk")


class Kept(Generic[T]):
    """`get()` is about `seconds` old at most, and costs nothing: whoever finds it older has it read anew beside, and
    goes on with what there is. A database that is away leaves what was known."""

    def __init__(self, read: Callable[[], T], *, seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._value: tuple[T] | None = None
        self._until = 0.0
        self._reading: Work[T] | None = None
        self._changes = 0
        self._lock = threading.Lock()

    def get(self) -> T:
        """TooLate, or the database's error, where it was never read and can not be read now."""
        value = self._value
        if value is not None and time.monotonic() < self._until:
            return value[0]
        with self._lock:
            reading = self._reading
            if reading is None or reading.over:
                reading = self._reading = Work(self._read_anew)
        return value[0] if value is not None else reading.result(within=FIRST_SECONDS)

    def expire(self) -> None:
        """It has changed: the next `get` of this process waits for it."""
        with self._lock:
            self._changes += 1
            self._value = self._reading = None

    def _read_anew(self) -> T:
        changes, until = self._changes, time.monotonic() + self._seconds
        try:
            value = self._read()
        except Exception as error:
            log.warning("%s could not be read: %s", self._read.__name__, error)
            raise
        with self._lock:
            # What has changed while it was read is read by the next one.
            if changes == self._changes:
                self._value, self._until = (value,), until
        return value
