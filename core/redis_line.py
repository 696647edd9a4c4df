"""Several short questions to Redis in one round trip. Every charge asks, almost always for nothing: through the
client's layers that would cost as much as parsing the request. A Redis that is away is left alone."""

import functools
import logging
import threading
import time
from typing import Any

import redis
from django.conf import settings
from django_redis import get_redis_connection

# After a failure Redis is left alone for a while, so that a dead one costs one time-out, not one per request.
REST_SECONDS = 5.0

log = logging.getLogger("tollgate.core")


def packed(*words: bytes) -> bytes:
    """A command as Redis reads it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


class RedisLine:
    """Connections of this process to one Redis, and the patience with it."""

    def __init__(self) -> None:
        # One client for the process: asked for each time, django-redis builds one for each thread, and each
        # request pays for closing it.
        self._client = get_redis_connection()
        self._idle: list[Any] = []
        self._patience = _Patience()

    def ask(self, *commands: bytes, insist: bool = False) -> list[Any] | None:
        """An answer to each command, an exception where Redis refuses one; None where Redis does not answer.

        Who can't do without insists: it is asked even while it is left alone; a moment's silence is only that.
        """
        if not (insist or self._patience.may_ask()):
            return None
        try:
            answers = self._asked(commands)
        except redis.RedisError as error:
            self._patience.lose(error)
            return None
        self._patience.regain()
        return answers

    def put(self, name: str, value: bytes, *, seconds: int) -> None:
        """Keeps it for so long, if Redis is there."""
        if not self._patience.may_ask():
            return
        try:
            self._client.set(name, value, ex=seconds)
        except redis.RedisError as error:
            self._patience.lose(error)
        else:
            self._patience.regain()

    def _asked(self, commands: tuple[bytes, ...]) -> list[Any]:
        try:
            line = self._idle.pop()
        except IndexError:
            return self._exchange(self._client.connection_pool.make_connection(), commands)
        try:
            return self._exchange(line, commands)
        except redis.ConnectionError:
            # It was cut off while it waited; so were all that waited with it.
            self._idle.clear()
            return self._exchange(line, commands)

    def _exchange(self, line: Any, commands: tuple[bytes, ...]) -> list[Any]:
        try:
            line.send_packed_command([b"".join(commands)])
            answers = [_read(line) for _ in commands]
        except BaseException:
            # What is still to come would be taken for the next one's answer.
            line.disconnect()
            raise
        self._idle.append(line)
        return answers


def _read(line: Any) -> Any:
    try:
        return line.read_response()
    except redis.ResponseError as refusal:
        return refusal


class _Patience:
    """Whether Redis may be asked. After a failure one request tries again at a time, and the others do without:
    a silent Redis holds up one of them every few seconds, not all at once."""

    def __init__(self) -> None:
        self._resting = False
        self._until = 0.0
        self._lock = threading.Lock()

    def may_ask(self) -> bool:
        if not self._resting:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return False
            self._until = now + REST_SECONDS
            return True

    def lose(self, error: Exception) -> None:
        with self._lock:
            self._until = time.monotonic() + REST_SECONDS
            if self._resting:
                return
            self._resting = True
        log.warning("Redis is left alone, and tried every %s s: %s", REST_SECONDS, type(error).__name__)

    def regain(self) -> None:
        if self._resting:
            self._resting = False


def redis_line() -> RedisLine:
    return _line_to(settings.REDIS_URL)


@functools.cache
def _line_to(url: str) -> RedisLine:
    return RedisLine()


def forget_redis() -> None:
    """As if this process had never asked."""
    _line_to.cache_clear()
