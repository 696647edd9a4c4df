"""Signatures of webhooks: `Stripe-Signature`, as every Stripe SDK verifies it, and that of Standard Webhooks. Pure.

One secret serves both: `whsec_` and 32 characters, which are base 64 of 24 bytes. Stripe's key is the whole text,
that of Standard Webhooks the bytes. While a secret is rolled, the old and the new one sign both.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def headers(secrets: Sequence[str], body: bytes, *, event_id: str, unix_seconds: int) -> dict[str, str]:
    """Receivers refuse a time more than five minutes old: sign at each attempt."""
    return {
        "Stripe-Signature": stripe_signature(secrets, body, unix_seconds=unix_seconds),
        "webhook-id": event_id,
        "webhook-timestamp": str(unix_seconds),
        "webhook-signature": standard_signature(secrets, body, event_id=event_id, unix_seconds=unix_seconds),
    }


def stripe_signature(secrets: Sequence[str], body: bytes, *, unix_seconds: int) -> str:
    """`t=…,v1=…[,v1=…]`: HMAC-SHA256 of `<t>.<body>` with the whole `whsec_…` text as key."""
    message = b"%d.%b" % (unix_seconds, body)
    signed = [hmac.new(secret.encode(), message, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={unix_seconds}", *(f"v1={one}" for one in signed)])


def standard_signature(secrets: Sequence[str], body: bytes, *, event_id: str, unix_seconds: int) -> str:
    """`v1,…[ v1,…]`: HMAC-SHA256 of `<id>.<t>.<body>` with the bytes that the secret stands for as key
    (https://www.standardwebhooks.com)."""
    message = b"%b.%d.%b" % (event_id.encode(), unix_seconds, body)
    signed = [hmac.digest(_standard_key(secret), message, "sha256") for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signed)


def _standard_key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
