"""Why a payment was treated as it was: its decision, put so that a person can follow it from rule to fact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from risk.facts import FIELDS, GROUPS, UNKNOWN, Field, value
from risk.language import Program, conditions, paths_in
from risk.models import Decision, RuleVersion, Verdict

DONE = {
    Verdict.ALLOW: "Allowed",
    Verdict.CHALLENGE: "3-D Secure was asked for",
    Verdict.REVIEW: "Held for review",
    Verdict.BLOCK: "Blocked before any bank was asked",
}
WOULD = {
    Verdict.CHALLENGE: "would have been asked for 3-D Secure",
    Verdict.REVIEW: "would have been held for review",
    Verdict.BLOCK: "would have been blocked",
}
DECLARED = {"open": "let it through", "closed": "block it", "review": "hold it for review"}
TITLES = {
    "payment": "Payment",
    "merchant": "Merchant",
    "card": "Card",
    "customer": "Customer",
    "history": "Seen before",
    "velocity": "How often lately",
    "lists": "Lists",
    "": "Score",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a rule that must hold, whether it did, and what stood in its place."""

    text: str
    held: bool | None
    values: list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule said. `version` is None where it is no rule of ours."""

    public_id: str
    number: int
    name: str
    action: str
    live: bool
    matched: bool
    decided: bool
    error: str
    version: RuleVersion | None
    conditions: list[Condition]


@dataclass(frozen=True, slots=True)
class Shown:
    """A fact with what it says. `known` is false where nobody knew it."""

    field: Field
    value: Any
    known: bool
    asked: bool


@dataclass(frozen=True, slots=True)
class Explained:
    decision: Decision
    sentence: str
    detail: str
    matched: list[Answer]
    others: list[Answer]
    groups: list[tuple[str, list[Shown]]]
    lists: list[Mapping[str, Any]]


def explain(decision: Decision) -> Explained:
    """One query, for the rules as they were."""
    answers = _answers(decision)
    matched = sorted((one for one in answers if one.matched), key=lambda one: (not one.decided, not one.live))
    asked = {path for one in matched for condition in one.conditions for path, _ in condition.values}
    return Explained(
        decision=decision,
        sentence=sentence(decision),
        detail=_detail(decision, matched),
        matched=matched,
        others=[one for one in answers if not one.matched],
        groups=_groups(decision.facts, asked),
        lists=list(decision.lists),
    )


def sentence(decision: Decision) -> str:
    """What was done, and what would have been."""
    done = DONE[Verdict(decision.effective)]
    if decision.verdict == decision.effective:
        return f"{done}."
    return f"{done}, only because rules are not enforced here: it {WOULD[Verdict(decision.verdict)]}."


def _detail(decision: Decision, matched: Iterable[Answer]) -> str:
    if decision.fault:
        return (
            f"Not everything could be looked at ({decision.fault}). "
            f"The merchant declared for that: {DECLARED.get(decision.on_fault, decision.on_fault)}."
        )
    if decision.reason:
        return decision.reason
    if any(not one.live for one in matched):
        return "No live rule matched; what matched is only watched."
    return "No rule matched."


def _answers(decision: Decision) -> list[Answer]:
    ids = {result["rule"] for result in decision.results}
    rows = RuleVersion.objects.filter(rule__public_id__in=ids).select_related("rule")
    versions = {(row.rule.public_id, row.number): row for row in rows}
    return [
        _answer(decision, result, versions.get((result["rule"], result["version"])))
        for result in decision.results
    ]


def _answer(decision: Decision, result: Mapping[str, Any], version: RuleVersion | None) -> Answer:
    return Answer(
        public_id=result["rule"],
        number=result["version"],
        name=version.rule.name if version else result["rule"].replace("_", " ").capitalize(),
        action=result["action"],
        live=result["live"],
        matched=result["matched"],
        decided=bool(decision.rule) and result["rule"] == decision.rule and result["live"],
        error=result.get("error", ""),
        version=version,
        conditions=conditions_of(version.expression, decision.facts) if version else [],
    )


def conditions_of(expression: str, facts: Mapping[str, Any]) -> list[Condition]:
    """Each condition with the facts that it asked for, as they were."""
    return [
        Condition(text, _held(text, facts), [(path, value(facts, path)) for path in paths_in(text)])
        for text in conditions(expression)
    ]


def _held(text: str, facts: Mapping[str, Any]) -> bool | None:
    try:
        return Program(text).matches(facts)
    except (LookupError, ArithmeticError, TypeError, ValueError):
        return None


def _groups(facts: Mapping[str, Any], asked: set[str]) -> list[tuple[str, list[Shown]]]:
    found = []
    for group in [*GROUPS, ""]:
        fields = [one for one in FIELDS if one.group == group] + _lists(facts, group)
        shown = [
            _shown(facts, one, one.path in asked) for one in fields if value(facts, one.path) is not None
        ]
        if shown:
            found.append((TITLES.get(group, group.capitalize()), shown))
    return found


def _lists(facts: Mapping[str, Any], group: str) -> list[Field]:
    if group != "lists":
        return []
    return [
        Field(group, key, "bool", "Whether the payment is on this list", True)
        for key in sorted(facts.get(group, {}))
    ]


def _shown(facts: Mapping[str, Any], one: Field, asked: bool) -> Shown:
    found = value(facts, one.path)
    return Shown(one, found, one.type == "bool" or found not in (UNKNOWN, ""), asked)
