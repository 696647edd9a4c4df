"""The vault's master keys, by version, from a file that only the vault can read. Nothing is encrypted with a
master key itself: each purpose has a key of its own, derived from it."""

import base64
import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32
# NIST SP 800-38D: 96 random bits are safe for 2^32 messages under one key.
NONCE_BYTES = 12


class KeyFileUnusable(Exception):
    """The key file is missing, or is not what it should be. The message says what, and shows no key."""


class Unreadable(Exception):
    """A ciphertext was changed, moved to another row, or made with a key that is not in the key file."""


@dataclass(frozen=True)
class KeyRing:
    """Every master key that is still in use; new secrets are sealed with the current one."""

    current: int
    keys: Mapping[int, bytes] = field(repr=False)

    def seal(self, plain: bytes, *, purpose: str, bound_to: str) -> tuple[int, bytes]:
        """The key version and the ciphertext, which opens only with the same purpose and `bound_to`."""
        key = self._key(self.current, purpose)
        return self.current, encrypt(key, plain, bound_to=f"{self.current}:{bound_to}")

    def open(self, version: int, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        """What was sealed. Unreadable if any of it differs."""
        return decrypt(self._key(version, purpose), sealed, bound_to=f"{version}:{bound_to}")

    def _key(self, version: int, purpose: str) -> bytes:
        if version not in self.keys:
            raise Unreadable(f"The key file has no key of version {version}.")
        return derive_key(self.keys[version], purpose)


def key_ring() -> KeyRing:
    """The ring of the key file as it is now: a new version is taken up without a restart."""
    path = Path(settings.VAULT_KEY_FILE)
    try:
        state = os.stat(path)
    except OSError as error:
        raise KeyFileUnusable(f"VAULT_KEY_FILE ({path}) can't be read: {error.strerror}.") from None
    return _ring_of(path, state.st_mtime_ns, state.st_size, state.st_ino)


def load_key_ring(path: Path) -> KeyRing:
    """KeyFileUnusable when the file is not a key file."""
    try:
        data = json.loads(path.read_bytes())
        keys = {int(version): base64.b64decode(text, validate=True) for version, text in data["keys"].items()}
        current = int(data["current"])
    except OSError as error:
        raise KeyFileUnusable(f"VAULT_KEY_FILE ({path}) can't be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without the cause: its message quotes the file.
        raise KeyFileUnusable(
            f'VAULT_KEY_FILE ({path}) must hold {{"current": 1, "keys": {{"1": "<base64 of 32 bytes>"}}}}.'
        ) from None
    if current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise KeyFileUnusable(
            f"VAULT_KEY_FILE ({path}): every key has 32 bytes, and the current one is there."
        )
    return KeyRing(current, keys)


def encrypt(key: bytes, plain: bytes, *, bound_to: str) -> bytes:
    """AES-256-GCM under a fresh nonce, which leads the result."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def decrypt(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    """What `encrypt` took. Unreadable when a bit of it, or what it is bound to, was changed."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError):
        raise Unreadable("A ciphertext does not belong where it was found.") from None


@functools.lru_cache(maxsize=64)
def derive_key(secret: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"tollgate vault: {purpose}".encode()).derive(secret)


@functools.lru_cache(maxsize=1)
def _ring_of(path: Path, *state: int) -> KeyRing:
    return load_key_ring(path)
