"""Leave to hand cards in for one merchant, which pages of the gateway's own carry where a merchant's page has its
publishable key. Signed, good for a while, and worth no more than such a key."""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass

PREFIX = "ticket_"
TEXT = re.compile(r"ticket_(\w{1,64})\.([01])\.([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    merchant: str
    livemode: bool


def issue_ticket(secret: str, merchant: str, *, livemode: bool, until: int) -> str:
    """`until` in Unix seconds."""
    return f"{PREFIX}{merchant}.{livemode:d}.{until}.{_digest(secret, merchant, f'{livemode:d}', str(until))}"


def read_ticket(secret: str, text: str) -> Ticket | None:
    """None for one that is over, or that nobody with the secret made."""
    found = TEXT.fullmatch(text)
    if found is None:
        return None
    merchant, mode, until, digest = found.groups()
    if not hmac.compare_digest(digest, _digest(secret, merchant, mode, until)) or int(until) < time.time():
        return None
    return Ticket(merchant, mode == "1")


def _digest(secret: str, merchant: str, mode: str, until: str) -> str:
    message = f"ticket\n{merchant}\n{mode}\n{until}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
