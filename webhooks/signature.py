"""The `Stripe-Signature` header, as every Stripe SDK verifies it. Pure."""

import hashlib
import hmac


def stripe_signature(secret: str, body: bytes, *, unix_seconds: int) -> str:
    """`t=…,v1=…`: HMAC-SHA256 of `<t>.<body>` with the whole `whsec_…` text as key.

    Receivers refuse a time more than five minutes old: sign at each attempt.
    """
    message = b"%d.%b" % (unix_seconds, body)
    return f"t={unix_seconds},v1={hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()}"
