"""How the bank misbehaves on demand: which fault falls on which call. Knows neither HTTP nor the rules."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.fields import REFERENCE, Fields, InvalidRequest

ORDERS = ("authorize", "complete", "capture", "void", "refund", "payout", "evidence", "accept")
READS = ("lookup", "disputes")
KINDS = (*ORDERS, "tombstone", *READS)
FAULTS = (
    "latency",
    "no_answer",
    "drop",
    "drop_after",
    "error_before",
    "error_after",
    "refused",
    "unknown_lookup",
    "late_arrival",
)
# Longer than any client's patience, short enough that a forgotten test does not hold sockets for ever.
NO_ANSWER_SECONDS = 120.0
MOST_SECONDS = 3600.0
# Every call looks at every fault: this bounds that work.
MOST_FAULTS = 1000


# The last four digits of the card that a call is about, where it is about one: asked for only when needed.
Last4 = Callable[[], str | None]


class TooManyFaults(Exception):
    """Nothing was added."""


@dataclass(slots=True, kw_only=True)
class Fault:
    fault: str
    reference: str | None
    kinds: tuple[str, ...]
    last4: str | None
    share: float
    min_seconds: float
    max_seconds: float
    times: int | None
    id: str = ""
    applied: int = 0

    def falls_on(self, kind: str, reference: str, last4: Last4, chance: float) -> bool:
        """Where the fault names several things, the call must match them all."""
        if self.times is not None and self.applied >= self.times:
            return False
        if self.fault == "unknown_lookup" and kind != "lookup":
            return False
        if self.fault == "late_arrival" and kind in READS:
            return False
        if self.fault == "refused" and kind not in ORDERS:
            return False
        return (
            (self.reference is None or self.reference == reference)
            and (not self.kinds or kind in self.kinds)
            and (self.last4 is None or self.last4 == last4())
            and chance < self.share
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "fault": self.fault,
            "match": {
                "reference": self.reference,
                "kind": list(self.kinds) or None,
                "last4": self.last4,
                "share": self.share,
            },
            "min_seconds": self.min_seconds,
            "max_seconds": self.max_seconds,
            "times": self.times,
            "applied": self.applied,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call will suffer: a delay before its answer, and at most one other fault."""

    latency_seconds: float = 0.0
    fault: str | None = None
    fault_seconds: float = 0.0


class FaultBook:
    def __init__(self, dice: random.Random | None = None) -> None:
        self._faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)
        self._dice = dice or random.SystemRandom()

    def add(self, fault: Fault) -> str:
        if len(self._faults) >= MOST_FAULTS:
            raise TooManyFaults
        fault.id = f"fault_{next(self._numbers)}"
        self._faults[fault.id] = fault
        return fault.id

    def listed(self) -> list[dict[str, Any]]:
        """Spent ones too, with how often they were applied."""
        return [fault.as_json() for fault in self._faults.values()]

    def remove(self, fault_id: str) -> bool:
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> int:
        count = len(self._faults)
        self._faults.clear()
        return count

    def plan(self, kind: str, reference: str, last4: Last4) -> Plan:
        """Latency adds to any other fault. Of each sort only the newest match falls, and is used up."""
        latency: Fault | None = None
        other: Fault | None = None
        for fault in reversed(self._faults.values()):
            slot_taken = latency if fault.fault == "latency" else other
            if slot_taken or not fault.falls_on(kind, reference, last4, self._dice.random()):
                continue
            fault.applied += 1
            if fault.fault == "latency":
                latency = fault
            else:
                other = fault
        return Plan(
            latency_seconds=self._duration(latency) if latency else 0.0,
            fault=other.fault if other else None,
            fault_seconds=self._duration(other) if other else 0.0,
        )

    def _duration(self, fault: Fault) -> float:
        return self._dice.uniform(fault.min_seconds, fault.max_seconds)


def read_fault(body: object) -> Fault:
    fields = Fields(body)
    name = fields.text("fault", "|".join(FAULTS))
    match = Fields(fields.take("match", None) or {}, "match")
    times = fields.integer("times", 1, 10**9) if fields.has("times") else None
    least, most = _read_seconds(fields, name)
    fault = Fault(
        fault=name,
        reference=match.text("reference", REFERENCE) if match.has("reference") else None,
        kinds=_read_kinds(match),
        last4=match.optional_text("last4", "[0-9]{4}"),
        share=match.number("share", 0.0, 1.0) if match.has("share") else 1.0,
        min_seconds=least,
        max_seconds=most,
        times=times,
    )
    match.finish()
    fields.finish()
    return fault


def _read_seconds(fields: Fields, name: str) -> tuple[float, float]:
    if fields.has("min_seconds") or fields.has("max_seconds"):
        least = fields.number("min_seconds", 0.0, MOST_SECONDS)
        return least, fields.number("max_seconds", least, MOST_SECONDS)
    if fields.has("seconds"):
        seconds = fields.number("seconds", 0.0, MOST_SECONDS)
        return seconds, seconds
    if name in ("latency", "late_arrival"):
        raise InvalidRequest(f"{name} needs seconds, or min_seconds and max_seconds")
    seconds = NO_ANSWER_SECONDS if name == "no_answer" else 0.0
    return seconds, seconds


def _read_kinds(match: Fields) -> tuple[str, ...]:
    value = match.take("kind", None)
    if value is None:
        return ()
    kinds = value if isinstance(value, list) else [value]
    if not all(kind in KINDS for kind in kinds):
        raise match.wrong("kind", f"must be one or several of {', '.join(KINDS)}")
    return tuple(kinds)
