"""How many deliveries each endpoint may have under way in this process. Pure.

Like TCP: a few at first, more with each success, one after a failure. A dead endpoint then holds one place of
hundreds, whatever waits for it, and a fast one is not held back.
"""

import threading
from collections import Counter

FIRST = 4
MOST = 64
AFTER_FAILURE = 1
MAX_REMEMBERED = 10_000


class Windows:
    """Shared by the threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[int, int] = {}
        self._under_way: Counter[int] = Counter()

    def begin(self, endpoint_id: int) -> None:
        with self._lock:
            self._under_way[endpoint_id] += 1

    def end(self, endpoint_id: int) -> None:
        with self._lock:
            self._under_way[endpoint_id] -= 1
            if not self._under_way[endpoint_id]:
                del self._under_way[endpoint_id]

    def learn(self, endpoint_id: int, *, succeeded: bool) -> None:
        with self._lock:
            size = self._sizes.get(endpoint_id, FIRST)
            if len(self._sizes) >= MAX_REMEMBERED:
                self._sizes.clear()
            self._sizes[endpoint_id] = min(size * 2, MOST) if succeeded else AFTER_FAILURE

    @property
    def under_way(self) -> int:
        with self._lock:
            return self._under_way.total()

    def rooms(self) -> list[tuple[int, int, int]]:
        """Endpoint, how many more it may have, how many it has; for those that differ from FIRST and 0."""
        with self._lock:
            known = self._sizes.keys() | self._under_way.keys()
            return [
                (
                    endpoint,
                    max(self._sizes.get(endpoint, FIRST) - self._under_way[endpoint], 0),
                    self._under_way[endpoint],
                )
                for endpoint in known
            ]
