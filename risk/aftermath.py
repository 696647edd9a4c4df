"""What became of payments after they were judged: whoever knows payments says it here, and risk learns from it
without knowing them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt. `disputed_at` is when its cardholder's bank asked the money back, unless the merchant won;
    `fraud_at` when it was said to be fraud, by a dispute or by the refund's reason."""

    paid: bool
    declined: bool
    disputed_at: datetime | None = None
    fraud_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What was said of one attempt's honesty, and when. `captured`: its money was taken, so somebody would have
    complained. `fraud`: from when until when it counted as fraud; without an end it still does."""

    captured: bool
    fraud: Sequence[tuple[datetime, datetime | None]] = ()

    def is_fraud(self, at: datetime) -> bool:
        """As it was known at that moment."""
        return any(begins <= at and (ends is None or at < ends) for begins, ends in self.fraud)


# By the charge's public id; one that is not there has had no outcome.
Outcomes = Callable[[Sequence[str]], Mapping[str, Outcome]]
Labels = Callable[[Sequence[str]], Mapping[str, Label]]
_known: list[Outcomes] = []
_labels: list[Labels] = []


def known_by(outcomes: Outcomes) -> None:
    if outcomes not in _known:
        _known.append(outcomes)


def outcomes_of(charges: Sequence[str]) -> Mapping[str, Outcome]:
    """What is known now of these attempts, in a fixed number of queries."""
    return {charge: outcome for known in _known for charge, outcome in known(charges).items()}


def labelled_by(labels: Labels) -> None:
    if labels not in _labels:
        _labels.append(labels)


def labels_of(charges: Sequence[str]) -> Mapping[str, Label]:
    """In a fixed number of queries."""
    return {charge: label for labels in _labels for charge, label in labels(charges).items()}
