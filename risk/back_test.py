"""What a rule would have done with payments that are past, as figures that are added up bit by bit. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from risk.aftermath import Outcome
from risk.engine import HARDNESS
from risk.language import Program

# Of those that matched, the newest so many can be looked at one by one.
MAX_EXAMPLES = 20
NONE = Outcome(paid=False, declined=False)
PASSIVE = {
    "allow": "allowed",
    "challenge": "asked for 3-D Secure",
    "review": "held for review",
    "block": "blocked",
}


@dataclass(frozen=True, slots=True)
class Past:
    """One decision, and what became of its payment."""

    pk: int
    day: date
    facts: Mapping[str, Any]
    effective: str
    outcome: Outcome = NONE


@dataclass(slots=True)
class Day:
    seen: int = 0
    matched: int = 0
    disputed: int = 0


@dataclass(slots=True)
class Figures:
    """`seen` are the payments that were looked at, `matched` those that the rule matches, `unknown` those whose
    decision lacks a fact that the rule asks for. `changed` would have been treated more strictly than they were, or
    at all where the rule allows. `good` ones were paid and nobody has complained yet; their sum is in the base
    currency, as far as that is known."""

    seen: int = 0
    matched: int = 0
    unknown: int = 0
    changed: int = 0
    paid: int = 0
    disputed: int = 0
    fraud: int = 0
    matched_paid: int = 0
    matched_declined: int = 0
    matched_disputed: int = 0
    matched_fraud: int = 0
    good: int = 0
    good_base_minor: int = 0
    days: dict[str, Day] = field(default_factory=dict)
    examples: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Figures":
        days = {day: Day(**figures) for day, figures in stored.get("days", {}).items()}
        return cls(**{**stored, "days": days})

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    def add(self, past: Past, *, matched: bool, action: str) -> None:
        outcome = past.outcome
        bad = outcome.disputed_at is not None or outcome.fraud_at is not None
        day = self.days.setdefault(past.day.isoformat(), Day())
        self.seen += 1
        day.seen += 1
        self.paid += outcome.paid
        self.disputed += outcome.disputed_at is not None
        self.fraud += outcome.fraud_at is not None
        if not matched:
            return
        self.matched += 1
        day.matched += 1
        day.disputed += bad
        self.matched_paid += outcome.paid
        self.matched_declined += outcome.declined
        self.matched_disputed += outcome.disputed_at is not None
        self.matched_fraud += outcome.fraud_at is not None
        self.changed += _changes(action, past.effective)
        if outcome.paid and not bad:
            self.good += 1
            self.good_base_minor += max(0, past.facts.get("payment", {}).get("amount_base", 0))
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(past.pk)

    @property
    def share(self) -> float:
        return _percent(self.matched, self.seen)

    @property
    def disputed_share(self) -> float:
        """Of those that matched and were paid, how many were disputed."""
        return _percent(self.matched_disputed, self.matched_paid)

    @property
    def caught_share(self) -> float:
        """Of all that were disputed, how many it matched."""
        return _percent(self.matched_disputed, self.disputed)

    def words(self, action: str) -> str:
        """What whoever decides reads first."""
        if not self.seen:
            return "There are no past payments to try it on."
        matched = (
            f"It would have {PASSIVE[action]} {self.matched:,} of {self.seen:,} payments ({self.share:.1f} %)"
        )
        if not self.matched:
            return f"{matched}."
        if not self.matched_paid:
            return f"{matched}. None of these was paid."
        return (
            f"{matched}. Of the {self.matched_paid:,} of these that were paid, {self.disputed_share:.0f} % were "
            "disputed later."
        )


def run(program: Program, action: str, pasts: Iterable[Past], figures: Figures) -> Figures:
    """Adds these to the figures."""
    for past in pasts:
        matched = False
        try:
            matched = program.matches(past.facts)
        except (LookupError, ArithmeticError, TypeError):
            figures.unknown += 1
        figures.add(past, matched=matched, action=action)
    return figures


def _changes(action: str, effective: str) -> bool:
    if action == "allow":
        return effective != "allow"
    return HARDNESS[action] > HARDNESS[effective]


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
