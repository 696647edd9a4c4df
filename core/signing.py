"""Calls between the gateway and its vault are signed: HMAC-SHA256 over time, method, path and body."""

import hashlib
import hmac
import re
import time

HEADER = "Tollgate-Signature"
# Both ends are on hosts that we run; a minute forgives a clock that drifts and leaves little to replay.
TOLERANCE_SECONDS = 60
STAMP = re.compile(r"[0-9]{1,12}")


def sign(secret: str, method: str, path: str, body: bytes, *, context: str = "") -> str:
    """The header's value. `path` includes the query; `context` is whatever headers must not be altered."""
    stamp = str(int(time.time()))
    return f"t={stamp},v1={_digest(secret, stamp, method, path, body, context)}"


def verify(secret: str, header: str, method: str, path: str, body: bytes, *, context: str = "") -> bool:
    """Whether the header was made with the secret for this very call within the last minute."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp = parts.get("t", "")
    if not STAMP.fullmatch(stamp) or abs(time.time() - int(stamp)) > TOLERANCE_SECONDS:
        return False
    expected = _digest(secret, stamp, method, path, body, context)
    # As bytes: a header may hold any, and texts are compared only where they are ASCII.
    return hmac.compare_digest(parts.get("v1", "").encode(), expected.encode())


def _digest(secret: str, stamp: str, method: str, path: str, body: bytes, context: str) -> str:
    content = hashlib.sha256(body).hexdigest()
    message = f"{stamp}\n{method}\n{path}\n{context}\n{content}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
