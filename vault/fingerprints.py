"""Keyed digests: a card's fingerprint, an idempotency key, and what was asked under it. Their secret is made
once and only ever re-wrapped, so that they stay the same when the master keys change."""

import functools
import hashlib
import hmac
import json
import secrets
from typing import Any

from core.ids import ALPHABET
from vault.keyring import KEY_BYTES, derive_key, key_ring
from vault.models import Secret

NAME = "digests"
PURPOSE = "wrapping of secrets"
# 16 base-62 digits are 95 bits: no two cards of a merchant share them by chance.
FINGERPRINT_LENGTH = 16


def fingerprint(number: str, *, merchant: str, livemode: bool) -> str:
    """The same for the same card of the same merchant and mode; says nothing about it to anyone else."""
    digest = _digest("card fingerprints", f"{merchant}:{int(livemode)}:{number}".encode())
    value = int.from_bytes(digest, "big")
    text = ""
    for _ in range(FINGERPRINT_LENGTH):
        value, digit = divmod(value, 62)
        text += ALPHABET[digit]
    return text


def key_digest(key: str) -> str:
    """An idempotency key as it is stored: people have put card numbers into stranger places."""
    return _digest("idempotency keys", key.encode()).hex()


def parameters_digest(path: str, parameters: dict[str, Any]) -> str:
    """Equal parameters give equal digests, whatever their order."""
    canonical = json.dumps([path, parameters], sort_keys=True, separators=(",", ":"))
    return _digest("idempotent parameters", canonical.encode()).hex()


def _digest(purpose: str, message: bytes) -> bytes:
    return hmac.new(derive_key(_secret(), purpose), message, hashlib.sha256).digest()


@functools.lru_cache(maxsize=1)
def _secret() -> bytes:
    """The stored secret; the first process to ask makes it."""
    ring = key_ring()
    if not (row := Secret.objects.filter(name=NAME).first()):
        version, wrapped = ring.seal(secrets.token_bytes(KEY_BYTES), purpose=PURPOSE, bound_to=NAME)
        Secret.objects.bulk_create(
            [Secret(name=NAME, key_version=version, wrapped=wrapped)], ignore_conflicts=True
        )
        row = Secret.objects.get(name=NAME)
    return ring.open(row.key_version, bytes(row.wrapped), purpose=PURPOSE, bound_to=NAME)
