"""Security codes between their giving and their use: encrypted, in the vault's own Redis, for minutes, and on
no disk. Every call may fail with CvcStoreUnavailable, and then the caller must not go on without the code."""

import functools

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from vault.errors import CvcStoreUnavailable
from vault.keyring import key_ring

# From the form to the charge takes a customer minutes; PCI DSS wants the code gone after that.
KEEP_SECONDS = 15 * 60
# A payment that takes several calls, or goes on at another processor, has come to its end by then.
SOON_SECONDS = 2 * 60
PURPOSE = "card security codes"
VERSION_BYTES = 4


def keep_cvc(public_id: str, cvc: str) -> None:
    """Keeps a card's code for a quarter of an hour."""
    version, sealed = key_ring().seal(cvc.encode(), purpose=PURPOSE, bound_to=public_id)
    try:
        _redis().set(_name(public_id), version.to_bytes(VERSION_BYTES, "big") + sealed, ex=KEEP_SECONDS)
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error


def find_cvc(public_id: str) -> str | None:
    """The code, or None when it was used or its time is over."""
    try:
        kept = _redis().get(_name(public_id))
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error
    if not isinstance(kept, bytes):
        return None
    version = int.from_bytes(kept[:VERSION_BYTES], "big")
    return key_ring().open(version, kept[VERSION_BYTES:], purpose=PURPOSE, bound_to=public_id).decode()


def forget_cvc(public_id: str) -> None:
    """The code is gone; harmless when it was gone before."""
    try:
        _redis().delete(_name(public_id))
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error


def forget_cvc_soon(public_id: str) -> None:
    """The code is gone within two minutes, whatever comes; never later than it would have been."""
    try:
        _redis().expire(_name(public_id), SOON_SECONDS, lt=True)
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error


def _name(public_id: str) -> str:
    return f"cvc:{public_id}"


@functools.cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.VAULT_REDIS_URL,
        socket_connect_timeout=0.5,
        socket_timeout=1,
        # One repeat replaces a connection that died while it was idle.
        retry=Retry(NoBackoff(), 1),
    )
