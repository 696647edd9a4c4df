"""Answers that were asked for again, in Redis: the second replay and all that follow. Whatever Redis says or fails
to say, PostgreSQL is asked next."""

import functools
import hmac
import logging
import threading
import time
from typing import Any

import msgspec
import redis
from django.conf import settings
from django_redis import get_redis_connection

from idempotency.keys import Answer, Key

KEEP_SECONDS = 24 * 3600
# Of an HMAC-SHA256, in front of what is kept.
SEAL_BYTES = 32
# After a failure Redis is left alone for a while, so that a dead one costs one time-out, not one per request.
REST_SECONDS = 5.0

log = logging.getLogger("tollgate.idempotency")


class Kept(msgspec.Struct, array_like=True):
    """`until`, in Unix seconds, is our own word on how long it counts: a copy of Redis that is restored later may
    hold what PostgreSQL has forgotten, and answered anew, since."""

    fingerprint: str
    status: int
    body: str
    original_request: str
    until: float


_decode = msgspec.msgpack.Decoder(Kept).decode
_encode = msgspec.msgpack.Encoder().encode


def recall(key: Key) -> Answer | None:
    """The kept answer to this very request, if Redis has it and it is ours."""
    if not _patience.may_ask():
        return None
    try:
        raw = _lines(settings.REDIS_URL).get(key.cache_name.encode())
    except redis.RedisError as error:
        _patience.lose(error)
        return None
    _patience.regain()
    kept = _opened(key, raw) if raw else None
    if kept is None or kept.fingerprint != key.fingerprint or kept.until < time.time():
        return None
    return Answer(kept.status, kept.body, replayed=True, original_request=kept.original_request)


def remember(key: Key, answer: Answer) -> None:
    """Puts a final answer that PostgreSQL has replayed into Redis too."""
    if not _patience.may_ask():
        return
    until = time.time() + KEEP_SECONDS
    kept = Kept(key.fingerprint, answer.status, answer.body, answer.original_request, until)
    try:
        _lines(settings.REDIS_URL).client.set(key.cache_name, _sealed(key, _encode(kept)), ex=KEEP_SECONDS)
    except redis.RedisError as error:
        _patience.lose(error)
    else:
        _patience.regain()


def _sealed(key: Key, kept: bytes) -> bytes:
    return _seal(key, kept) + kept


def _opened(key: Key, raw: bytes) -> Kept | None:
    """What was sealed for this very key by a gateway with our secret. Another gateway's Redis, or somebody's pen in
    ours, has no say."""
    seal, kept = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
    return _decode(kept) if hmac.compare_digest(seal, _seal(key, kept)) else None


def _seal(key: Key, kept: bytes) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), b"answer\0" + key.cache_name.encode() + kept, "sha256")


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


_patience = _Patience()


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
