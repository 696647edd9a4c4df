"""Trains a model on the gateway's own history, and says first what it is worth. Needs scikit-learn; nothing that
takes payments imports this."""

from collections.abc import Callable
from datetime import datetime

import sklearn

from core.errors import InvalidRequest
from risk import fitting
from risk.features import features_of
from risk.lessons import Course, Lesson, missing, trial
from risk.models import ScoreModel
from risk.services.score_models import keep_model

Progress = Callable[[], None]


class NotEnoughHistory(InvalidRequest):
    """`lacking` says what there is too little of."""

    def __init__(self, lacking: list[str]) -> None:
        super().__init__(f"There is not enough history yet: {'; '.join(lacking)}.")
        self.lacking = lacking


def train(
    lessons: list[Lesson],
    *,
    livemode: bool,
    now: datetime,
    days: int,
    actor: str,
    progress: Progress = lambda: None,
) -> ScoreModel:
    """A model of all lessons as they are known now, kept with what the same way of training was worth on payments
    that came later than what it had learned. NotEnoughHistory. `progress` hears of each tree, of both models."""
    learned, tried = trial(lessons, now=now, days=days)
    if lacking := missing(learned, tried, days=days):
        raise NotEnoughHistory(lacking)

    def heard(_: int) -> None:
        progress()

    then = fitting.fit(learned.history, learned.frauds, progress=heard)
    evaluation = fitting.evaluate(then, tried.history, tried.frauds)
    whole = Course(now, lessons)
    features = features_of(whole.history)
    grown = fitting.grow(features, whole.history, whole.frauds, progress=heard)
    weights = fitting.importances(grown, features)
    row = ScoreModel(
        livemode=livemode,
        content=fitting.exported(grown, features).stored(),
        evaluation=evaluation.stored(),
        weights={feature.words: round(weight, 4) for feature, weight in weights.items()},
        payments=len(lessons),
        frauds=sum(whole.frauds),
        first_at=lessons[0].at,
        last_at=lessons[-1].at,
        known_at=now,
        mature_days=days,
        tried_from=learned.known_at,
        trained_with=f"scikit-learn {sklearn.__version__}",
    )
    return keep_model(row, actor=actor, reason=evaluation.words())
