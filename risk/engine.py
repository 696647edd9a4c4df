"""From facts and rules to a verdict: the same inputs always lead to the same one. Pure; no clock, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Action = Literal["allow", "challenge", "review", "block"]
OnFault = Literal["open", "closed", "review"]
# How results become a verdict. A decision names the number it was made by: another way needs another number, and the
# old one stays for as long as there are decisions of it.
VERSION = 1
HARDNESS: Mapping[str, int] = {"allow": 0, "challenge": 1, "review": 2, "block": 3}
DECLARED: Mapping[str, Action] = {"open": "allow", "closed": "block", "review": "review"}
# Of scores; Stripe's limits.
ELEVATED, HIGHEST = 65, 75


class Rule(Protocol):
    """One version of a rule. `live` ones decide; the others are only written down."""

    @property
    def rule(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def action(self) -> Action: ...

    @property
    def live(self) -> bool: ...

    @property
    def reads(self) -> frozenset[str]:
        """The facts that it asks for, as `payment.amount`: what nobody asks for need not be looked up."""
        ...

    def matches(self, facts: Mapping[str, Any]) -> bool:
        """May raise: a rule that fails matches nothing, and its failure is a fault of the decision."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What one rule said of one payment."""

    rule: str
    version: int
    name: str
    action: Action
    live: bool
    matched: bool
    error: str = ""

    def stored(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "rule": self.rule,
            "version": self.version,
            "action": self.action,
            "live": self.live,
            "matched": self.matched,
        }
        return told | {"error": self.error} if self.error else told


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict, and what it rests on."""

    action: Action
    rule: str = ""
    reason: str = ""


def ask(rule: Rule, facts: Mapping[str, Any]) -> Result:
    error, matched = "", False
    try:
        matched = rule.matches(facts)
    except Exception as failure:  # a broken rule must not stop a payment: what then, is declared
        error = f"{type(failure).__name__}: {failure}"[:200]
    return Result(rule.rule, rule.version, rule.name, rule.action, rule.live, matched, error)


def decide(results: Sequence[Result], *, fault: str = "", on_fault: OnFault = "open") -> Said:
    """The hardest action of the live rules that matched, unless one of them says to allow the payment: that one
    prevails. Where something could not be asked, the verdict is at least what is declared for that."""
    said = _by_rules(results)
    if not fault:
        return said
    declared = DECLARED[on_fault]
    if HARDNESS[declared] <= HARDNESS[said.action]:
        return said
    return Said(declared, "", f"It could not be judged in time ({fault}).")


def level(action: str, score: int) -> str:
    """Stripe's `risk_level`: by the score where there is one, and never below what the verdict says."""
    levels = ("normal", "elevated", "highest")
    by_score = 2 if score >= HIGHEST else 1 if score >= ELEVATED else 0
    by_verdict = {"allow": 0, "challenge": 1, "review": 1, "block": 2}[action]
    return levels[max(by_score, by_verdict)]


def _by_rules(results: Sequence[Result]) -> Said:
    matched = [result for result in results if result.live and result.matched]
    if not matched:
        return Said("allow")
    allows = next((result for result in matched if result.action == "allow"), None)
    first = allows or max(matched, key=lambda result: HARDNESS[result.action])
    return Said(first.action, first.rule, f"Rule '{first.name}'.")
