"""How good a model is, counted on payments that it had not seen: how many good and fraudulent ones got each score.
All figures follow from these two rows of a hundred numbers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SCORES = 100


@dataclass(frozen=True, slots=True)
class Bin:
    """Payments whose scores are near one another: what share of them is fraud by the model's word, and was."""

    first: int
    last: int
    payments: int
    said: float
    was: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`auc`: how often a fraudulent payment has a higher score than a good one, 0.5 by chance; `average_precision`:
    the precision, averaged over all recalls. `good` and `fraud` are numbers of payments by score."""

    auc: float
    average_precision: float
    good: tuple[int, ...]
    fraud: tuple[int, ...]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Evaluation":
        return cls(**{**stored, "good": tuple(stored["good"]), "fraud": tuple(stored["fraud"])})

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def payments(self) -> int:
        return sum(self.good) + sum(self.fraud)

    @property
    def base_rate(self) -> float:
        return _share(sum(self.fraud), self.payments)

    def precision(self, limit: int) -> float:
        """Of the payments with this score or more, which share was fraud."""
        caught = sum(self.fraud[limit:])
        return _share(caught, caught + sum(self.good[limit:]))

    def recall(self, limit: int) -> float:
        """Of all fraud, which share has this score or more."""
        return _share(sum(self.fraud[limit:]), sum(self.fraud))

    def stopped(self, limit: int) -> float:
        """Of all good payments, which share has this score or more."""
        return _share(sum(self.good[limit:]), sum(self.good))

    def bins(self, width: int = 10) -> list[Bin]:
        return [bin_ for first in range(0, SCORES, width) if (bin_ := self._bin(first, width))]

    def _bin(self, first: int, width: int) -> Bin | None:
        scores = range(first, first + width)
        payments = sum(self.good[score] + self.fraud[score] for score in scores)
        if not payments:
            return None
        said = sum((score + 0.5) / 100 * (self.good[score] + self.fraud[score]) for score in scores)
        was = sum(self.fraud[score] for score in scores)
        return Bin(first, first + width - 1, payments, said / payments, was / payments)

    def best_limit(self, precision: float = 0.5) -> int | None:
        """The lowest score from which on at least this share was fraud; None where no score is that sure."""
        sure = [limit for limit in range(SCORES) if self.precision(limit) >= precision and self._any(limit)]
        return min(sure, default=None)

    def _any(self, limit: int) -> bool:
        return any(self.good[limit:]) or any(self.fraud[limit:])

    def words(self) -> str:
        """What whoever decides about it reads."""
        frauds = sum(self.fraud)
        tried = f"Tried on {self.payments:,} later payments, {frauds:,} of them fraud: AUC {self.auc:.3f}."
        limit = self.best_limit()
        if limit is None:
            return f"{tried} At no score was half of the payments fraud."
        return (
            f"{tried} From a score of {limit} on, {self.precision(limit):.0%} were fraud; that is "
            f"{self.recall(limit):.0%} of all fraud and {self.stopped(limit):.2%} of the good ones."
        )


def counted(scores: Sequence[int], frauds: Sequence[bool]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Good and fraudulent payments by score."""
    rows = ([0] * SCORES, [0] * SCORES)
    for score, fraud in zip(scores, frauds, strict=True):
        rows[fraud][score] += 1
    return tuple(rows[0]), tuple(rows[1])


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
