"""How a card number rests in the database: under a data key of its own, which is wrapped by its merchant's key, which
is wrapped by a master key. So one card can be destroyed with its data key, and a merchant's with the merchant's."""

import os
from dataclasses import dataclass

from vault.keyring import KEY_BYTES, KeyRing, decrypt, encrypt
from vault.unwrapped import Wrapping, unwrapped

PURPOSE = "wrapping of merchant keys"
# Until there were merchant keys, a master key wrapped each data key.
EARLY_PURPOSE = "wrapping of card data keys"


@dataclass(frozen=True)
class Envelope:
    """What is stored of a number. Each part opens only in the row, merchant and mode it was made for."""

    wrapped_key: bytes
    number: bytes


@dataclass(frozen=True)
class Wrapped:
    """A key under a version of the master key."""

    key_version: int
    wrapped: bytes


def new_merchant_key(ring: KeyRing, merchant: str) -> Wrapped:
    """A fresh key under the current master key."""
    return Wrapped(*ring.seal(os.urandom(KEY_BYTES), purpose=PURPOSE, bound_to=f"merchant:{merchant}"))


def open_merchant_key(ring: KeyRing, stored: Wrapped, merchant: str) -> bytes:
    """Unreadable for another merchant's, for a destroyed one, and where the master key's version is gone."""

    def ask() -> bytes:
        return ring.open(stored.key_version, stored.wrapped, purpose=PURPOSE, bound_to=f"merchant:{merchant}")

    if ring.is_remote(stored.key_version):
        return unwrapped(Wrapping(stored.key_version, stored.wrapped, merchant), ask)
    return ask()


def seal_number(merchant_key: bytes, number: str, *, bound_to: str) -> Envelope:
    """A number as it may be stored; `bound_to` names the row."""
    data_key = os.urandom(KEY_BYTES)
    wrapped = _wrap(merchant_key, data_key, bound_to)
    return Envelope(wrapped, encrypt(data_key, number.encode(), bound_to=bound_to))


def open_number(merchant_key: bytes, envelope: Envelope, *, bound_to: str) -> str:
    """The number. Unreadable when anything was changed or moved."""
    data_key = _unwrap(merchant_key, envelope.wrapped_key, bound_to)
    return decrypt(data_key, envelope.number, bound_to=bound_to).decode()


def open_early_number(ring: KeyRing, key_version: int, envelope: Envelope, *, bound_to: str) -> str:
    """The number of a card whose data key is still under a master key."""
    data_key = _early_data_key(ring, Wrapped(key_version, envelope.wrapped_key), bound_to)
    return decrypt(data_key, envelope.number, bound_to=bound_to).decode()


def rewrap(old_key: bytes, new_key: bytes, wrapped_key: bytes, *, bound_to: str) -> bytes:
    """The same data key under another key of its merchant."""
    return _wrap(new_key, _unwrap(old_key, wrapped_key, bound_to), bound_to)


def rewrap_early(ring: KeyRing, stored: Wrapped, new_key: bytes, *, bound_to: str) -> bytes:
    """A data key that was under a master key, under its merchant's."""
    return _wrap(new_key, _early_data_key(ring, stored, bound_to), bound_to)


def _wrap(merchant_key: bytes, data_key: bytes, bound_to: str) -> bytes:
    return encrypt(merchant_key, data_key, bound_to=f"data key:{bound_to}")


def _unwrap(merchant_key: bytes, wrapped_key: bytes, bound_to: str) -> bytes:
    return decrypt(merchant_key, wrapped_key, bound_to=f"data key:{bound_to}")


def _early_data_key(ring: KeyRing, stored: Wrapped, bound_to: str) -> bytes:
    return ring.open(stored.key_version, stored.wrapped, purpose=EARLY_PURPOSE, bound_to=bound_to)
