"""What a mail server writes back about a letter that it could not deliver (RFC 3464). Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message

# Our own Message-ID, as receipts/letter.py makes it.
OURS = re.compile(r"<(rcpt_\w+)@[^>\s]+>")


@dataclass(frozen=True)
class Bounce:
    """A receipt that did not reach its address, and the words of the server that refused it."""

    receipt: str
    reason: str


def read_bounce(raw: bytes) -> Bounce | None:
    """None for all other mail: answers of people, notices of a delay, reports about letters that are not ours."""
    message = message_from_bytes(raw)
    if message.get_content_type() != "multipart/report":
        return None
    parts = list(message.walk())
    receipt, reason = _receipt(parts), _failure(parts)
    return Bounce(receipt, reason) if receipt and reason else None


def _receipt(parts: Iterable[Message]) -> str:
    """From the letter itself, or its headers, which a report brings with it."""
    for part in parts:
        match part.get_content_type(), part.get_payload():
            case "message/rfc822", [Message() as letter, *_]:
                original = letter
            case "text/rfc822-headers", str(headers):
                original = message_from_string(headers)
            case _:
                continue
        if found := OURS.search(str(original.get("Message-ID", ""))):
            return found[1]
    return ""


def _failure(parts: Iterable[Message]) -> str:
    for part in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        for recipient in part.get_payload():
            if (
                isinstance(recipient, Message)
                and str(recipient.get("Action", "")).strip().lower() == "failed"
            ):
                said = str(recipient.get("Diagnostic-Code", "")).partition(";")[2]
                return " ".join((said or str(recipient.get("Status", "")) or "no reason given").split())
    return ""
