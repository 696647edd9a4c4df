"""Where a payment goes, and why: a choice from its facts, the rules, and what the processors can do now. The same
seed always leads to the same choice, so that every attempt of one payment goes the same way."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.money import CURRENCIES, display
from processors.protocol import Capabilities

# As long as a line of the timeline may be.
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a payment before anybody is asked. "" is what nobody knows."""

    livemode: bool
    merchant_id: int
    amount_minor: int
    currency: str
    card_brand: str = ""
    card_country: str = ""
    # Whether the cardholder must be challenged, whatever the issuer says.
    three_d_secure: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    processor: str
    percent: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Fits where every condition does; an empty one always does. Amounts are both included."""

    position: int
    name: str
    targets: tuple[Target, ...]
    merchant_id: int | None = None
    currencies: frozenset[str] = frozenset()
    card_brands: frozenset[str] = frozenset()
    card_countries: frozenset[str] = frozenset()
    amount_from_minor: int | None = None
    amount_to_minor: int | None = None

    @property
    def title(self) -> str:
        return f"rule {self.position} '{self.name}'"


@dataclass(frozen=True, slots=True)
class Available:
    """A processor of the payment's mode. `blocked` says why it is left alone for now, if it is."""

    name: str
    capabilities: Capabilities
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """The first choice, then those to fail over to, in order. Empty where no processor can take the payment."""

    processors: tuple[str, ...]
    reason: str
    # For the timeline, as JSON: the rule, its share, the order, and who was left out for which reason.
    data: Mapping[str, Any] = field(default_factory=dict)


def choose(facts: Facts, rules: Sequence[Rule], available: Sequence[Available], seed: str) -> Route:
    """By the first rule that fits and names a processor that can take the payment; without one, every processor
    in the order of the settings. Blocked ones are left out, unless all are: better a try than no sale."""
    decided = _decide(facts, rules, available)
    return _route(decided, pick(decided.rule.targets, seed) if decided.rule else None)


def possible(facts: Facts, rules: Sequence[Rule], available: Sequence[Available]) -> list[tuple[int, Route]]:
    """Every route that such a payment may take, with how many percent of them take it."""
    decided = _decide(facts, rules, available)
    if decided.rule is None:
        return [(100, _route(decided, None))]
    return [(target.percent, _route(decided, target)) for target in decided.rule.targets if target.percent]


def pick(targets: Sequence[Target], seed: str) -> Target:
    """The target that the seed falls to, each as often as its percent says. They sum to 100."""
    place = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) % 100
    for target in targets:
        place -= target.percent
        if place < 0:
            return target
    return targets[0]


def incapable(capabilities: Capabilities, facts: Facts) -> str:
    """Why a processor can not take the payment; "" where it can."""
    if capabilities.currencies is not None and facts.currency not in capabilities.currencies:
        return f"does not take {facts.currency.upper()}"
    if facts.three_d_secure and not capabilities.three_d_secure:
        return "can not authenticate cardholders"
    return ""


def mismatch(rule: Rule, facts: Facts) -> str:
    """Why a rule does not fit the payment; "" where it does."""
    if rule.merchant_id is not None and rule.merchant_id != facts.merchant_id:
        return "it is for another merchant"
    if rule.currencies and facts.currency not in rule.currencies:
        return f"the currency is not {_either(rule.currencies)}"
    if rule.card_brands and facts.card_brand not in rule.card_brands:
        return f"the card is not {_either(rule.card_brands)}"
    if rule.card_countries and facts.card_country not in rule.card_countries:
        return f"the card is not from {_either(rule.card_countries)}"
    if rule.amount_from_minor is not None and facts.amount_minor < rule.amount_from_minor:
        return f"the amount is below {display(rule.amount_from_minor, facts.currency)}"
    if rule.amount_to_minor is not None and facts.amount_minor > rule.amount_to_minor:
        return f"the amount is above {display(rule.amount_to_minor, facts.currency)}"
    return ""


def conditions_in_words(rule: Rule, merchant: str) -> str:
    """Which payments a rule is for: `in EUR, by visa, from 50.00 EUR, of Harbour Books`."""
    parts = []
    if rule.currencies:
        parts.append(f"in {_either(rule.currencies)}")
    if rule.card_brands:
        parts.append(f"by {_either(rule.card_brands)}")
    if rule.card_countries:
        parts.append(f"with cards from {_either(rule.card_countries)}")
    # Its currencies have the same number of decimals: any of them shows the amount.
    shown = min(rule.currencies & CURRENCIES, default="usd")
    amounts = [
        f"{word} {display(amount, shown).rpartition(' ')[0]}"
        for word, amount in (("from", rule.amount_from_minor), ("up to", rule.amount_to_minor))
        if amount is not None
    ]
    if amounts:
        parts.append(" ".join(amounts))
    if merchant:
        parts.append(f"of {merchant}")
    return "Payments " + ", ".join(parts) if parts else "Every payment"


def targets_in_words(targets: Sequence[Target]) -> str:
    """What a rule does: `70 % to sandbox, 30 % to sandbox_two; whichever is out, the next of sandbox, …`."""
    shares = ", ".join(f"{target.percent} % to {target.processor}" for target in targets if target.percent)
    if len(targets) == 1:
        return f"{shares}, and to nobody else"
    order = ", then ".join(target.processor for target in targets)
    return f"{shares}; if that one is out: {order}"


@dataclass(frozen=True, slots=True)
class _Decision:
    """All but the draw."""

    rule: Rule | None
    order: list[str]
    able: dict[str, Available]
    left_out: dict[str, str]
    passed_over: list[str]


def _decide(facts: Facts, rules: Sequence[Rule], available: Sequence[Available]) -> _Decision:
    left_out = {each.name: why for each in available if (why := incapable(each.capabilities, facts))}
    able = {each.name: each for each in available if each.name not in left_out}
    passed_over: list[str] = []
    for rule in rules:
        if mismatch(rule, facts):
            continue
        order = [target.processor for target in rule.targets]
        if any(name in able for name in order):
            return _Decision(rule, order, able, left_out, passed_over)
        passed_over.append(rule.title)
    return _Decision(None, [each.name for each in available], able, left_out, passed_over)


def _route(decided: _Decision, first: Target | None) -> Route:
    """The first choice, then the others in their order, without those that can't or shouldn't take it now."""
    able, order = decided.able, decided.order
    said, data = "no rule matched", dict[str, Any](rule=None)
    if decided.rule and first:
        order = [first.processor, *(name for name in order if name != first.processor)]
        said = f"{decided.rule.title}: {first.percent} % {first.processor}"
        data = {"rule": decided.rule.position, "name": decided.rule.name, "percent": first.percent}
    candidates = [name for name in order if name in able]
    left_out = {name: decided.left_out.get(name, "is not set up") for name in order if name not in able}
    blocked = {name: able[name].blocked for name in candidates if able[name].blocked}
    parts = [f"{title} names no processor that can take it" for title in decided.passed_over] + [said]
    parts += [f"{name} {why}" for name, why in left_out.items()]
    if candidates and len(blocked) == len(candidates):
        processors = tuple(candidates)
        parts.append(f"all are blocked, {candidates[0]} is tried all the same ({blocked[candidates[0]]})")
    else:
        processors = tuple(name for name in candidates if name not in blocked)
        parts += [f"{name} is left out: {why}" for name, why in blocked.items()]
    if processors and processors[0] != order[0]:
        parts.append(f"so {processors[0]}")
    told = {**data, "processors": list(processors), "left_out": {**left_out, **blocked}}
    return Route(processors, "; ".join(parts)[:MAX_REASON], told)


def _either(words: frozenset[str]) -> str:
    """`EUR or USD`: codes in capitals, other words as they are written."""
    return " or ".join(sorted(word.upper() if len(word) <= 3 else word.capitalize() for word in words))
