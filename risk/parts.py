"""What a verdict is made of besides the request itself. Each part is asked within the time that is left, may fail,
and is listed here by its name: a decision names the one that was missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from risk import listed, rulebook, test_cards, velocity
from risk.engine import Rule
from risk.facts import Request
from risk.scoring import LiveModel, Score

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Facts by group, over the neutral ones; and each entry of a list that the payment is on: {"list", "item"}."""

    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lists: Sequence[Mapping[str, Any]] = ()


class Gatherer(Protocol):
    def __call__(self, request: Request, facts: Facts, *, within: float) -> Found:
        """What there is to know of a payment, within so many seconds. Raises what it likes where it can not."""
        ...


# The live rules of a merchant and a mode, and those in shadow, from what is kept in memory.
Rules = Callable[[int, bool], Sequence[Rule]]


class Scorer(Protocol):
    def reads(self, livemode: bool) -> frozenset[str]:
        """The facts that it asks for in this mode; see `risk.engine.Rule.reads`."""
        ...

    def score(self, request: Request, facts: Facts) -> Score | None:
        """None where no model is live."""
        ...


def _velocity(request: Request, facts: Facts, *, within: float) -> Found:
    return Found({"velocity": velocity.counts(request, facts, within=within)})


def _lists(request: Request, facts: Facts, *, within: float) -> Found:
    on, entries = listed.on_lists(request, facts)
    return Found({"lists": on}, entries)


GATHERERS: Sequence[tuple[str, Gatherer]] = (("velocity", _velocity), ("lists", _lists))
RULES: Sequence[tuple[str, Rules]] = (("test cards", test_cards.rules), ("rules", rulebook.rules))
SCORERS: Sequence[tuple[str, Scorer]] = (("score", LiveModel()),)
