"""The vault's master keys, by version, as a file that only the vault can read has them: each there itself, or by the
name that an HSM has for it."""

import base64
import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from vault.errors import Unreadable
from vault.hsm import HsmKey

KEY_BYTES = 32
# NIST SP 800-38D: 96 random bits are safe for 2^32 messages under one key.
NONCE_BYTES = 12


class KeyFileUnusable(Exception):
    """The key file is missing, or is not what it should be. The message says what, and shows no key."""


class MasterKey(Protocol):
    """Wraps and unwraps the keys of merchants. What it wrapped opens only with the same purpose and `bound_to`.
    ServiceUnavailable where it is `remote` and does not answer."""

    @property
    def remote(self) -> bool: ...
    def wrap(self, plain: bytes, *, purpose: str, bound_to: str) -> bytes: ...
    def unwrap(self, sealed: bytes, *, purpose: str, bound_to: str) -> bytes: ...


@dataclass(frozen=True)
class LocalKey:
    """A master key in this process. Each purpose has a key of its own, derived from it."""

    secret: bytes = field(repr=False)
    remote = False

    def wrap(self, plain: bytes, *, purpose: str, bound_to: str) -> bytes:
        return encrypt(derive_key(self.secret, purpose), plain, bound_to=bound_to)

    def unwrap(self, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        return decrypt(derive_key(self.secret, purpose), sealed, bound_to=bound_to)


@dataclass(frozen=True)
class KeyRing:
    """Every master key that is still in use; new secrets are sealed with the current one."""

    current: int
    keys: Mapping[int, MasterKey] = field(repr=False)

    def seal(self, plain: bytes, *, purpose: str, bound_to: str) -> tuple[int, bytes]:
        """The key version and the ciphertext, which opens only with the same purpose and `bound_to`."""
        key = self.keys[self.current]
        return self.current, key.wrap(plain, purpose=purpose, bound_to=f"{self.current}:{bound_to}")

    def open(self, version: int, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        """What was sealed. Unreadable if any of it differs."""
        if version not in self.keys:
            raise Unreadable(f"The key file has no key of version {version}.")
        return self.keys[version].unwrap(sealed, purpose=purpose, bound_to=f"{version}:{bound_to}")

    def is_remote(self, version: int) -> bool:
        return version in self.keys and self.keys[version].remote


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
        keys = {int(version): _master_key(entry) for version, entry in data["keys"].items()}
        current = int(data["current"])
    except OSError as error:
        raise KeyFileUnusable(f"VAULT_KEY_FILE ({path}) can't be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without the cause: its message quotes the file.
        raise KeyFileUnusable(
            f'VAULT_KEY_FILE ({path}) must hold {{"current": 1, "keys": {{"1": "<base64 of 32 bytes>"}}}}, '
            'or {"pkcs11": "<label>"} for a key.'
        ) from None
    if current not in keys:
        raise KeyFileUnusable(f"VAULT_KEY_FILE ({path}): the current key, {current}, is not there.")
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


def _master_key(entry: Any) -> MasterKey:
    """ValueError, KeyError or TypeError for what is none."""
    if isinstance(entry, dict):
        if entry.keys() != {"pkcs11"} or not isinstance(entry["pkcs11"], str) or not entry["pkcs11"]:
            raise ValueError
        return HsmKey(entry["pkcs11"])
    secret = base64.b64decode(entry, validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError
    return LocalKey(secret)


@functools.lru_cache(maxsize=1)
def _ring_of(path: Path, *state: int) -> KeyRing:
    return load_key_ring(path)
