"""Judges a payment before anybody is asked for its money: within a time budget, outside any transaction, and always
with an answer. Writes nothing; whoever starts the payment writes the decision with it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from core.rows import new_row
from risk import declared, engine, parts, test_cards
from risk.base_currency import in_base
from risk.engine import Result, Rule
from risk.facts import Request, known
from risk.models import Decision, RiskSettings
from risk.velocity import mark_of
from risk.waiting import Work

# History as its owner looks it up: facts by group.
History = Callable[[Request], Mapping[str, Mapping[str, Any]]]
# What is only looked up where somebody asks for it.
LOOKED_UP = ("history.", "customer.age_days")


def assess(request: Request, *, at: datetime, history: History) -> Decision:
    """What is to be done with the payment, as a decision that nobody has written yet. Raises nothing: where
    something can not be asked in time, the merchant's declared way holds, and the decision says so."""
    hearing = Hearing(request, at)
    declared_by_merchant = hearing.declared()
    scored_by = hearing.scorers()
    rules = hearing.rules()
    looked_up = hearing.begin(history) if _asks(rules) or hearing.model_asks else None
    for name, gather in parts.GATHERERS:
        hearing.gather(name, gather)
    if looked_up is not None:
        hearing.take_in(looked_up)
    hearing.score(scored_by)
    results = hearing.ask(rules)
    return hearing.decision(results, declared_by_merchant)


class Hearing:
    """One payment while it is judged."""

    def __init__(self, request: Request, at: datetime) -> None:
        self._began = time.perf_counter()
        self._until = self._began
        self._request = request
        self._faults: list[str] = []
        self._lists: list[Mapping[str, Any]] = []
        self._model = ""
        # Whether a score takes what only the database knows.
        self.model_asks = False
        amount_base = in_base(
            request.amount_minor,
            request.currency,
            base=settings.RISK_BASE_CURRENCY,
            rates=settings.RISK_RATES,
        )
        self._facts = known(request, hour=at.hour, amount_base=amount_base)

    def declared(self) -> RiskSettings:
        asked = self._request
        try:
            return declared.settings_of(asked.merchant_id, asked.livemode)
        except Exception as error:
            self._missing("settings", error)
            return RiskSettings.unless_said(asked.merchant_id, asked.livemode)

    def scorers(self) -> list[tuple[str, parts.Scorer]]:
        """Those that there are; which facts they ask for is known from here on."""
        found: list[tuple[str, parts.Scorer]] = []
        for name, scorer in parts.SCORERS:
            try:
                self.model_asks = self.model_asks or _looked_up(scorer.reads(self._request.livemode))
            except Exception as error:
                self._missing(name, error)
                continue
            found.append((name, scorer))
        return found

    def rules(self) -> list[Rule]:
        found: list[Rule] = []
        for name, rules in parts.RULES:
            try:
                found += rules(self._request.merchant_id, self._request.livemode)
            except Exception as error:
                self._missing(name, error)
        # From here on: so far all was in memory, but in a process that has just begun.
        self._until = time.perf_counter() + settings.RISK_BUDGET_SECONDS
        return found

    def begin(self, history: History) -> Work[Mapping[str, Mapping[str, Any]]] | None:
        """Starts to look up what the database knows, beside all else."""
        try:
            return Work(lambda: history(self._request))
        except Exception as error:
            self._missing("history", error)
            return None

    def take_in(self, looked_up: Work[Mapping[str, Mapping[str, Any]]]) -> None:
        try:
            self._learn(looked_up.result(within=self._left()))
        except Exception as error:
            self._missing("history", error)

    def gather(self, name: str, gather: parts.Gatherer) -> None:
        left = self._left()
        if left <= 0:
            self._faults.append(f"{name}: no time was left")
            return
        try:
            found = gather(self._request, self._facts, within=left)
        except Exception as error:
            self._missing(name, error)
            return
        self._learn(found.facts)
        self._lists += found.lists
        if self._left() <= 0:
            self._faults.append(f"{name}: took longer than there was time")

    def score(self, scorers: Sequence[tuple[str, parts.Scorer]]) -> None:
        for name, scorer in scorers:
            try:
                score = scorer.score(self._request, self._facts)
            except Exception as error:
                self._missing(name, error)
                continue
            if score is not None:
                self._facts["score"], self._model = score.value, score.model

    def ask(self, rules: Sequence[Rule]) -> list[Result]:
        results = [engine.ask(rule, self._facts) for rule in rules]
        self._faults += [
            f"rule {result.rule}: {result.error}" for result in results if result.error and result.live
        ]
        return results

    def decision(self, results: Sequence[Result], terms: RiskSettings) -> Decision:
        asked, score = self._request, self._facts["score"]
        fault = "; ".join(self._faults)[:500]
        on_fault = terms.on_fault if fault else ""
        said = engine.decide(results, fault=fault, on_fault=terms.on_fault)  # type: ignore[arg-type]
        for_test = said.rule in test_cards.NAMES
        enforced = terms.enforced or for_test
        return new_row(
            Decision,
            merchant_id=asked.merchant_id,
            livemode=asked.livemode,
            charge=asked.charge,
            payment_intent=asked.payment_intent,
            once=mark_of(asked.once),
            facts=self._facts,
            results=[result.stored() for result in results],
            lists=self._lists,
            score=score,
            model=self._model,
            engine=engine.VERSION,
            verdict=said.action,
            effective=said.action if enforced else "allow",
            enforced=enforced,
            level=engine.level(said.action, score),
            rule="" if for_test else said.rule,
            reason=said.reason[:500],
            fault=fault,
            on_fault=on_fault,
            took_microseconds=int((time.perf_counter() - self._began) * 1_000_000),
        )

    def _left(self) -> float:
        return self._until - time.perf_counter()

    def _learn(self, facts: Mapping[str, Mapping[str, Any]]) -> None:
        for group, values in facts.items():
            self._facts[group].update(values)

    def _missing(self, what: str, error: Exception) -> None:
        self._faults.append(f"{what}: {type(error).__name__}: {error}"[:200])


def _asks(rules: Sequence[Rule]) -> bool:
    """Whether any of them asks for what only the database knows."""
    return any(_looked_up(rule.reads) for rule in rules)


def _looked_up(reads: Iterable[str]) -> bool:
    return any(fact.startswith(LOOKED_UP) for fact in reads)
