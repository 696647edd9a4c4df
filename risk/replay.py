"""Judges past payments again: by the rules and the model that their decisions name, which must lead to the same
verdict; or by those that hold now, which shows what would change. Writes nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, QuerySet

from risk import engine, parts, test_cards
from risk.aftermath import outcomes_of
from risk.engine import Result, Said
from risk.models import Decision, RuleVersion, ScoreModel
from risk.rulebook import Written, written
from risk.scoring import live_model
from risk.test_cards import OfTestCard
from risk.trees import Model

BATCH = 500
NO_SCORE = -1


@dataclass(frozen=True, slots=True)
class Difference:
    """What a decision says, and what came out this time."""

    decision: Decision
    what: str
    stored: Any
    again: Any

    def __str__(self) -> str:
        return f"{self.decision.charge}: {self.what} was {self.stored!r}, and is {self.again!r}"


class Past:
    """Rules and models as they were, each read once."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, int], Written | OfTestCard | None] = {
            (rule.rule, rule.version): rule for rule in test_cards.RULES
        }
        self._models: dict[str, Model | None] = {}

    def differences(self, decision: Decision) -> list[Difference]:
        if decision.engine != engine.VERSION:
            return [Difference(decision, "the engine", decision.engine, engine.VERSION)]
        results = [self._result(decision, result) for result in decision.results]
        said = _decide([one for one in results if one], decision)
        score = self._score(decision)
        again = {
            "results": [one.stored() if one else None for one in results],
            "score": score,
            "verdict": said.action,
            "effective": said.action if decision.enforced else "allow",
            "rule": "" if said.rule in test_cards.NAMES else said.rule,
            "reason": said.reason[:500],
            "level": engine.level(said.action, score),
        }
        stored = {name: getattr(decision, name) for name in again}
        return [
            Difference(decision, name, stored[name], value)
            for name, value in again.items()
            if value != stored[name]
        ]

    def _result(self, decision: Decision, stored: Mapping[str, Any]) -> Result | None:
        """None where there is no such version."""
        key = (stored["rule"], stored["version"])
        if key not in self._rules:
            of_rule = RuleVersion.objects.filter(rule__public_id=key[0], number=key[1])
            version = of_rule.select_related("rule").first()
            self._rules[key] = written(version) if version else None
        rule = self._rules[key]
        # Whether it decided or was only watched, it no longer knows itself.
        return engine.ask(replace(rule, live=stored["live"]), decision.facts) if rule else None

    def _score(self, decision: Decision) -> int:
        if not decision.model:
            return NO_SCORE
        if decision.model not in self._models:
            row = ScoreModel.objects.filter(public_id=decision.model).first()
            self._models[decision.model] = Model.read(row.content) if row else None
        model = self._models[decision.model]
        return model.score(decision.facts) if model else NO_SCORE


@dataclass(slots=True)
class Change:
    """Payments that would be treated otherwise, and what became of them."""

    payments: int = 0
    paid: int = 0
    bad: int = 0


@dataclass(slots=True)
class Changes:
    """By the verdict that was and the one that would be. `errors`: payments of which a live rule asks what nobody
    knew then."""

    seen: int = 0
    errors: int = 0
    by_verdict: dict[tuple[str, str], Change] = field(default_factory=dict)

    def add(self, decisions: Sequence[Decision]) -> None:
        verdicts = {decision.charge: self._verdict(decision) for decision in decisions}
        changed = [one for one in decisions if verdicts[one.charge] != one.verdict]
        outcomes = outcomes_of([decision.charge for decision in changed])
        self.seen += len(decisions)
        for decision in changed:
            change = self.by_verdict.setdefault((decision.verdict, verdicts[decision.charge]), Change())
            change.payments += 1
            if outcome := outcomes.get(decision.charge):
                change.paid += outcome.paid
                change.bad += outcome.disputed_at is not None or outcome.fraud_at is not None

    def _verdict(self, decision: Decision) -> str:
        rules = [rule for _, of in parts.RULES for rule in of(decision.merchant_id, decision.livemode)]
        model = live_model(decision.livemode)
        facts = decision.facts | {"score": model[1].score(decision.facts) if model else NO_SCORE}
        results = [engine.ask(rule, facts) for rule in rules if rule.live]
        self.errors += any(result.error for result in results)
        return _decide(results, decision).action


def between(since: datetime, until: datetime, *, livemode: bool | None = None) -> QuerySet[Decision]:
    rows = Decision.objects.filter(created_at__gte=since, created_at__lt=until)
    return rows if livemode is None else rows.filter(livemode=livemode)


def in_batches(decisions: QuerySet[Decision]) -> Iterator[list[Decision]]:
    """The oldest first, by keyset: a reading of minutes holds no cursor open."""
    bounds = decisions.aggregate(first=Min("pk"), last=Max("pk"))
    if bounds["first"] is None:
        return
    after = bounds["first"] - 1
    while batch := list(decisions.filter(pk__gt=after, pk__lte=bounds["last"]).order_by("pk")[:BATCH]):
        yield batch
        after = batch[-1].pk


def changed_most(changes: Changes) -> list[tuple[tuple[str, str], Change]]:
    return sorted(changes.by_verdict.items(), key=lambda pair: -pair[1].payments)


def kinds(differences: Sequence[Difference]) -> Counter[str]:
    return Counter(difference.what for difference in differences)


def _decide(results: Sequence[Result], decision: Decision) -> Said:
    """Under the circumstances of then: what could not be asked is as it was."""
    return engine.decide(results, fault=decision.fault, on_fault=decision.on_fault or "open")  # type: ignore[arg-type]
