"""Answers that were asked for again, in Redis: the second replay and all that follow. Whatever Redis says or fails
to say, PostgreSQL is asked next."""

import functools
import logging
import time
from typing import Any

import msgspec
import redis
from django.conf import settings
from django_redis import get_redis_connection

from idempotency.keys import Answer, Key

KEEP_SECONDS = 24 * 3600
# After a failure Redis is left alone for a while, so that a dead one costs one time-out, not one per request.
REST_SECONDS = 5.0

log = logging.getLogger("tollgate.idempotency")
_resting_until = 0.0


class Kept(msgspec.Struct, array_like=True):
    fingerprint: str
    status: int
    body: str
    original_request: str


_decode = msgspec.msgpack.Decoder(Kept).decode
_encode = msgspec.msgpack.Encoder().encode


def recall(key: Key) -> Answer | None:
    """The kept answer to this very request, if Redis has it."""
    if time.monotonic() < _resting_until:
        return None
    try:
        raw = _lines(settings.REDIS_URL).get(key.cache_name.encode())
        kept = _decode(raw) if raw else None
    except (redis.RedisError, msgspec.DecodeError) as error:
        _rest(error)
        return None
    if kept is None or kept.fingerprint != key.fingerprint:
        return None
    return Answer(kept.status, kept.body, replayed=True, original_request=kept.original_request)


def remember(key: Key, answer: Answer) -> None:
    """Puts a final answer that PostgreSQL has replayed into Redis too."""
    if time.monotonic() < _resting_until:
        return
    kept = Kept(key.fingerprint, answer.status, answer.body, answer.original_request)
    try:
        _lines(settings.REDIS_URL).client.set(key.cache_name, _encode(kept), ex=KEEP_SECONDS)
    except redis.RedisError as error:
        _rest(error)


class _Lines:
    """Connections for single GETs. Every charge asks, almost always for nothing: through the client's layers that
    would cost as much as parsing the request."""

    def __init__(self) -> None:
        # One client for the process: asked for each time, django-redis builds one for each thread, and each
        # request pays for closing it.
        self.client = get_redis_connection()
        self._idle: list[Any] = []

    def get(self, name: bytes) -> Any:
        try:
            line = self._idle.pop()
        except IndexError:
            return self._ask(self.client.connection_pool.make_connection(), name)
        try:
            return self._ask(line, name)
        except redis.ConnectionError:
            # It was cut off while it waited; so were all that waited with it.
            self._idle.clear()
            return self._ask(line, name)

    def _ask(self, line: Any, name: bytes) -> Any:
        try:
            line.send_packed_command([b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name)])
            found = line.read_response()
        except BaseException:
            # What is still to come would be taken for the next one's answer.
            line.disconnect()
            raise
        self._idle.append(line)
        return found


@functools.cache
def _lines(url: str) -> _Lines:
    """Those of this process to one address."""
    return _Lines()


def _rest(error: Exception) -> None:
    global _resting_until
    if time.monotonic() < _resting_until:
        return
    _resting_until = time.monotonic() + REST_SECONDS
    log.warning("Redis is left alone for %s s: %s", REST_SECONDS, type(error).__name__)
