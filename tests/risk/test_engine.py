"""From results to a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from risk import engine, facts
from risk.engine import Action, OnFault, Result


@dataclass(frozen=True)
class Written:
    """A rule as a test writes it."""

    action: Action
    matching: bool = True
    live: bool = True
    rule: str = "rr_1"
    version: int = 1
    name: str = "One"
    reads: frozenset[str] = frozenset()

    def matches(self, facts: Mapping[str, Any]) -> bool:
        if facts["payment"]["currency"] == "broken":
            raise KeyError("no such fact")
        return self.matching


def results(*rules: Written) -> list[Result]:
    return [engine.ask(rule, facts.neutral()) for rule in rules]


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ([], "allow"),
        ([Written("block", matching=False)], "allow"),
        ([Written("block", live=False)], "allow"),
        ([Written("review"), Written("block"), Written("challenge")], "block"),
        ([Written("challenge"), Written("review")], "review"),
        ([Written("block"), Written("allow")], "allow"),
        ([Written("block"), Written("allow", live=False)], "block"),
    ],
)
def test_the_hardest_live_rule_decides_unless_one_allows(rules: list[Written], verdict: Action) -> None:
    assert engine.decide(results(*rules)).action == verdict


@pytest.mark.parametrize(
    ("declared", "rule", "verdict"),
    [
        ("open", "block", "block"),
        ("open", "allow", "allow"),
        ("review", "allow", "review"),
        ("review", "block", "block"),
        ("closed", "review", "block"),
    ],
)
def test_on_a_fault_the_verdict_is_at_least_what_is_declared(
    declared: OnFault, rule: Action, verdict: Action
) -> None:
    said = engine.decide(results(Written(rule)), fault="velocity: Redis is away", on_fault=declared)
    assert said.action == verdict


def test_a_rule_that_fails_matches_nothing_and_says_why() -> None:
    broken = facts.neutral()
    broken["payment"]["currency"] = "broken"
    result = engine.ask(Written("block"), broken)
    assert (result.matched, result.error) == (False, "KeyError: 'no such fact'")
    assert result.stored()["error"]


def test_every_fact_has_a_neutral_value_of_its_kind() -> None:
    kinds = {"int": int, "string": str, "bool": bool}
    for field in facts.FIELDS:
        assert type(facts.value(facts.neutral(), field.path)) is kinds[field.type], field.path
        assert type(field.example) is kinds[field.type], field.path
