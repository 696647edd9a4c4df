"""Counts in Redis how often somebody did something lately. It only ever makes life harder for those who have shown
nothing: while Redis is away, they have had their share."""

import logging
import time

import redis
from django_redis import get_redis_connection

log = logging.getLogger("tollgate.core")


def too_often(name: str, *, most: int, seconds: int) -> bool:
    """Counts once more; whether that makes more than `most` in the present span of so many seconds. True, too, where
    Redis does not answer. Never inside a database transaction."""
    counted = f"turnstile:{name}:{int(time.time()) // seconds}"
    try:
        with get_redis_connection().pipeline(transaction=False) as line:
            line.incr(counted)
            line.expire(counted, 2 * seconds)
            number, _ = line.execute()
    except redis.RedisError as error:
        log.warning("Redis counts nothing at the moment: %s", type(error).__name__)
        return True
    return bool(number > most)
