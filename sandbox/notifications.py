"""Notifications as data: what the bank tells whom it is told to tell, how it is signed, and how the telling can be
made to go wrong. Knows neither HTTP nor the database."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from sandbox.answers import Answer
from sandbox.fields import Fields, InvalidRequest

MODES = ("normal", "duplicated", "late", "out_of_order", "lost", "before_answer")
MOST_SECONDS = 3600.0
MOST_TRIES = 10
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Notification:
    """`reference` is the caller's own, of the operation that it is about."""

    sequence: int
    id: str
    type: str
    reference: str
    created: int

    def body(self) -> bytes:
        content = {"id": self.id, "type": self.type, "reference": self.reference, "created": self.created}
        return json.dumps(content).encode()


def signature(secret: str, body: bytes, now: int) -> str:
    """The value of the header: when it was signed, and the HMAC-SHA256 of that moment, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


def pause_seconds(failures: int) -> float | None:
    """How long to wait after so many failed tries; None when it is given up."""
    if failures >= MOST_TRIES:
        return None
    pause: float = min(2.0 ** (failures - 1), LONGEST_PAUSE_SECONDS)
    return pause


def type_of(answer: Answer) -> str | None:
    """What an operation's answer is announced as. What moved nothing at the bank is not announced, but for a
    declined authorization, which callers wait for."""
    match answer["kind"], answer["status"]:
        case "authorize", str(status):
            return f"authorization.{status}"
        case "void", "approved":
            return "authorization.voided"
        case "capture" | "refund" as kind, "approved":
            return f"{kind}.approved"
    return None


@dataclass(slots=True)
class Manner:
    """How the next notifications go out: all of them, or so many that were ordered."""

    mode: str = "normal"
    seconds: float = 0.0
    times: int | None = None
    applied: int = 0

    def take(self) -> str:
        """The mode of one new notification; it counts."""
        if self.times is not None and self.applied >= self.times:
            return "normal"
        self.applied += 1
        return self.mode

    def as_json(self) -> dict[str, Any]:
        return {"mode": self.mode, "seconds": self.seconds, "times": self.times, "applied": self.applied}


def read_manner(body: object) -> Manner:
    fields = Fields(body)
    mode = fields.text("mode", "|".join(MODES))
    seconds = fields.number("seconds", 0.0, MOST_SECONDS) if fields.has("seconds") else 0.0
    times = fields.integer("times", 1, 10**9) if fields.has("times") else None
    # Given as null, they are read all the same.
    for name in ("seconds", "times"):
        fields.take(name, None)
    fields.finish()
    if mode == "late" and not seconds:
        raise InvalidRequest("late needs seconds")
    return Manner(mode, seconds, times)
