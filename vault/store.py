"""The vault's own Redis, which persists nothing: security codes, and how many cards were opened this minute."""

import functools

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@functools.cache
def store() -> redis.Redis:
    return redis.Redis.from_url(
        settings.VAULT_REDIS_URL,
        socket_connect_timeout=0.5,
        socket_timeout=1,
        # One repeat replaces a connection that died while it was idle.
        retry=Retry(NoBackoff(), 1),
    )
