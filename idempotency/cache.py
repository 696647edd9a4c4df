"""Finished answers in Redis, for replays only. Whatever Redis says or fails to say, PostgreSQL is asked next."""

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
        raw: Any = _client(settings.REDIS_URL).get(key.cache_name)
        kept = _decode(raw) if raw else None
    except (redis.RedisError, msgspec.DecodeError) as error:
        _rest(error)
        return None
    if kept is None or kept.fingerprint != key.fingerprint:
        return None
    return Answer(kept.status, kept.body, replayed=True, original_request=kept.original_request)


def remember(key: Key, answer: Answer) -> None:
    """Puts a final answer, already kept in PostgreSQL, into Redis too."""
    if time.monotonic() < _resting_until:
        return
    kept = Kept(key.fingerprint, answer.status, answer.body, answer.original_request)
    try:
        _client(settings.REDIS_URL).set(key.cache_name, _encode(kept), ex=KEEP_SECONDS)
    except redis.RedisError as error:
        _rest(error)


@functools.cache
def _client(url: str) -> Any:
    """One for the process (and address): asked for each time, django-redis builds a client for each thread, and
    each request pays for closing it."""
    return get_redis_connection()


def _rest(error: Exception) -> None:
    global _resting_until
    if time.monotonic() < _resting_until:
        return
    _resting_until = time.monotonic() + REST_SECONDS
    log.warning("Redis is left alone for %s s: %s", REST_SECONDS, type(error).__name__)
