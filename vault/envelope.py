"""How a card number rests in the database: under a data key of its own, which is wrapped by the current
master key. Rotation re-wraps the small data key and leaves the number's ciphertext alone."""

import os
from dataclasses import dataclass

from vault.keyring import KEY_BYTES, KeyRing, decrypt, encrypt

PURPOSE = "wrapping of card data keys"


@dataclass(frozen=True)
class Envelope:
    """What is stored of a number. Each part opens only in the row, merchant and mode it was made for."""

    key_version: int
    wrapped_key: bytes
    number: bytes


def seal_number(ring: KeyRing, number: str, *, bound_to: str) -> Envelope:
    """A number as it may be stored; `bound_to` names the row."""
    data_key = os.urandom(KEY_BYTES)
    version, wrapped = ring.seal(data_key, purpose=PURPOSE, bound_to=bound_to)
    return Envelope(version, wrapped, encrypt(data_key, number.encode(), bound_to=bound_to))


def open_number(ring: KeyRing, envelope: Envelope, *, bound_to: str) -> str:
    """The number. Unreadable when anything was changed or moved, or the key version is gone."""
    data_key = ring.open(envelope.key_version, envelope.wrapped_key, purpose=PURPOSE, bound_to=bound_to)
    return decrypt(data_key, envelope.number, bound_to=bound_to).decode()


def rewrap(ring: KeyRing, envelope: Envelope, *, bound_to: str) -> Envelope:
    """The same number under the current master key."""
    data_key = ring.open(envelope.key_version, envelope.wrapped_key, purpose=PURPOSE, bound_to=bound_to)
    version, wrapped = ring.seal(data_key, purpose=PURPOSE, bound_to=bound_to)
    return Envelope(version, wrapped, envelope.number)
