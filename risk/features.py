"""From the facts of a payment to the numbers that a model learns from and is asked with. The same code does both, and
it reads only what a decision stores: so a model is never taught what nobody knew at the time. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from risk.facts import FIELDS, LISTS, UNKNOWN, value

Facts: TypeAlias = Mapping[str, Any]
# Trees are grown on numbers of 32 bits; whole ones up to this are exact in them.
MOST = 2**24 - 1
# Texts that say of what kind a payment is. Those that name a person or a card teach nothing about the next one.
WORDS = (
    *("payment.currency", "card.brand", "card.country", "card.funding", "card.bin"),
    *("customer.ip_country", "customer.email_domain"),
)
PRESENT = ("customer.email", "customer.ip", "customer.device")
DIFFERENT = (("card.country", "customer.ip_country"),)
# An amount means the same in every currency only in the base currency; a score must not feed on scores.
LEFT_OUT = ("payment.amount", "score")
NUMBERS = tuple(
    field.path for field in FIELDS if field.type in ("int", "bool") and field.path not in LEFT_OUT
)
# A word that is rarer than this, in a thousand, would be learned by heart.
PER_THOUSAND = 5
MOST_WORDS = 20

Kind = Literal["number", "is", "known", "differs"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One number. `other` is the word that an `is` compares with, or the fact that a `differs` does."""

    kind: Kind
    path: str
    other: str = ""

    def of(self, facts: Facts) -> int:
        found = value(facts, self.path)
        match self.kind:
            case "number":
                return UNKNOWN if found is None else max(UNKNOWN, min(int(found), MOST))
            case "is":
                return int(found == self.other)
            case "known":
                return int(bool(found))
            case "differs":
                second = value(facts, self.other)
                return int(found != second) if found and second else UNKNOWN
            case _:
                raise AssertionError(self.kind)

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.path, self.other) if self.kind == "differs" else (self.path,)

    @property
    def words(self) -> str:
        match self.kind:
            case "number":
                return self.path
            case "is":
                return f'{self.path} == "{self.other}"'
            case "known":
                return f"{self.path} is known"
            case "differs":
                return f"{self.path} != {self.other}"
            case _:
                raise AssertionError(self.kind)

    def stored(self) -> dict[str, Any]:
        return asdict(self)


def features_of(history: Sequence[Facts]) -> tuple[Feature, ...]:
    """What can be asked of payments like these: the numbers, the words that are common, the lists that there were."""
    lists = sorted({key for facts in history for key in facts.get(LISTS, {})})
    return (
        *(Feature("number", path) for path in NUMBERS),
        *(Feature("number", f"{LISTS}.{key}") for key in lists),
        *(Feature("known", path) for path in PRESENT),
        *(Feature("differs", path, other) for path, other in DIFFERENT),
        *(Feature("is", path, word) for path in WORDS for word in _common(history, path)),
    )


def rows(features: Sequence[Feature], history: Iterable[Facts]) -> list[list[int]]:
    return [[feature.of(facts) for feature in features] for facts in history]


def _common(history: Sequence[Facts], path: str) -> list[str]:
    seen = Counter(word for facts in history if (word := value(facts, path)))
    least = len(history) * PER_THOUSAND / 1000
    return [word for word, times in seen.most_common(MOST_WORDS) if times >= least]
