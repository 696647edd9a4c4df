"""Signatures of notifications as Stripe made them usual: `t=<unix>,v1=<hex>`, HMAC-SHA256 over `<t>.<body>`."""

import hmac
from hashlib import sha256

from processors.protocol import NotificationRefused

# Long enough for clocks that differ and for slow networks; a recorded notification is worth nothing after it.
MAX_AGE_SECONDS = 300


def verify(body: bytes, header: str, secret: str, *, now: float) -> None:
    """NotificationRefused unless the header holds a signature of the body by that secret, and a recent one."""
    if not secret.strip():
        raise NotificationRefused("No secret is configured to check notifications with.")
    signed = f"{signed_at(header)}.".encode() + body
    expected = hmac.new(secret.encode(), signed, sha256).hexdigest().encode()
    given = [value for name, value in _parts(header) if name == "v1"]
    if not any(hmac.compare_digest(expected, value.encode()) for value in given):
        raise NotificationRefused("The signature does not match.")
    check_age(header, now=now)


def check_age(header: str, *, now: float) -> None:
    if abs(now - signed_at(header)) > MAX_AGE_SECONDS:
        raise NotificationRefused(f"Signed more than {MAX_AGE_SECONDS} seconds ago, or ahead.")


def signed_at(header: str) -> int:
    """When the sender says that it signed, in Unix seconds."""
    times = [value for name, value in _parts(header) if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12):
        raise NotificationRefused("There is no signature, or it tells no time.")
    return int(times[0])


def _parts(header: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in header.split(","))
    return [(name.strip(), value.strip()) for name, _, value in pairs]
