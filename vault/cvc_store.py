"""Security codes between their giving and their use: encrypted, in the vault's own Redis, for minutes, and on
no disk. Every call may fail with CvcStoreUnavailable, and then the caller must not go on without the code."""

import redis

from vault.errors import CvcStoreUnavailable
from vault.keyring import key_ring
from vault.store import store

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
        store().set(_name(public_id), version.to_bytes(VERSION_BYTES, "big") + sealed, ex=KEEP_SECONDS)
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error


def find_cvc(public_id: str) -> str | None:
    """The code, or None when it was used or its time is over."""
    try:
        kept = store().get(_name(public_id))
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error
    if not isinstance(kept, bytes):
        return None
    version = int.from_bytes(kept[:VERSION_BYTES], "big")
    return key_ring().open(version, kept[VERSION_BYTES:], purpose=PURPOSE, bound_to=public_id).decode()


def forget_cvc(*public_ids: str) -> None:
    """The codes are gone; harmless when they were gone before."""
    try:
        store().delete(*map(_name, public_ids))
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error


def forget_cvc_soon(public_id: str) -> None:
    """The code is gone within two minutes, whatever comes; never later than it would have been."""
    try:
        store().expire(_name(public_id), SOON_SECONDS, lt=True)
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error


def codes_by_version() -> dict[int, tuple[int, int]]:
    """How many codes each version of the master key holds, and in how many seconds the last of them ends."""
    found: dict[int, tuple[int, int]] = {}
    try:
        for name in store().scan_iter(match=_name("*"), count=1000):
            head, seconds = store().getrange(name, 0, VERSION_BYTES - 1), int(store().ttl(name))
            if isinstance(head, bytes) and head:
                count, longest = found.get(int.from_bytes(head, "big"), (0, 0))
                found[int.from_bytes(head, "big")] = count + 1, max(longest, seconds)
    except redis.RedisError as error:
        raise CvcStoreUnavailable from error
    return found


def _name(public_id: str) -> str:
    return f"cvc:{public_id}"
