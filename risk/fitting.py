"""Grows the trees. The only place that knows scikit-learn, which is installed for training and for nothing else:
whoever imports this has looked whether it is there."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

from risk.evaluation import Evaluation, counted
from risk.features import Facts, Feature, features_of, rows
from risk.trees import Model, Tree, score_of

TREES = 80
# Shallow trees on half of the payments each: fraud is rare, and what only one payment shows is not worth learning.
SETTINGS: dict[str, Any] = {
    "n_estimators": TREES,
    "max_depth": 3,
    "learning_rate": 0.1,
    "min_samples_leaf": 20,
    "subsample": 0.5,
    # The same payments give the same model.
    "random_state": 0,
}
Progress = Callable[[int], None]


def fit(history: Sequence[Facts], frauds: Sequence[bool], *, progress: Progress = lambda tree: None) -> Model:
    """The same model for the same payments. `progress` hears of each tree."""
    features = features_of(history)
    grown = grow(features, history, frauds, progress=progress)
    return exported(grown, features)


def grow(
    features: Sequence[Feature],
    history: Sequence[Facts],
    frauds: Sequence[bool],
    *,
    progress: Progress = lambda tree: None,
) -> Any:
    grown = GradientBoostingClassifier(**SETTINGS)

    def heard(number: int, *_: Any) -> bool:
        progress(number + 1)
        return False

    return grown.fit(numbers(features, history), numpy.array(frauds, dtype=int), monitor=heard)


def numbers(features: Sequence[Feature], history: Sequence[Facts]) -> Any:
    return numpy.array(rows(features, history), dtype=numpy.float32)


def exported(grown: Any, features: Sequence[Feature]) -> Model:
    """The same model as plain numbers, with the features that it came to ask for."""
    used = [number for number, weight in enumerate(grown.feature_importances_) if weight > 0]
    place = {number: position for position, number in enumerate(used)}
    share = grown.init_.class_prior_[1]
    return Model(
        base=math.log(share / (1 - share)),
        features=tuple(features[number] for number in used),
        trees=tuple(_tree(stage[0].tree_, 0, place, grown.learning_rate) for stage in grown.estimators_),
    )


def importances(grown: Any, features: Sequence[Feature]) -> dict[Feature, float]:
    weights = zip(features, grown.feature_importances_, strict=True)
    return {feature: float(weight) for feature, weight in weights if weight > 0}


def evaluate(model: Model, history: Sequence[Facts], frauds: Sequence[bool]) -> Evaluation:
    """On payments that it has not learned from; both kinds must be among them."""
    said = [model.probability(facts) for facts in history]
    good, fraud = counted([score_of(one) for one in said], frauds)
    return Evaluation(
        auc=float(roc_auc_score(frauds, said)),
        average_precision=float(average_precision_score(frauds, said)),
        good=good,
        fraud=fraud,
    )


def _tree(grown: Any, node: int, place: dict[int, int], rate: float) -> Tree:
    below, above = grown.children_left[node], grown.children_right[node]
    if below == above:
        return rate * float(grown.value[node][0][0])
    return (
        place[int(grown.feature[node])],
        float(grown.threshold[node]),
        _tree(grown, below, place, rate),
        _tree(grown, above, place, rate),
    )
