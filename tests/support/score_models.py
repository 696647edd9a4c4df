"""A trained model as a test writes it down."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from risk.evaluation import Evaluation, counted
from risk.models import ScoreModel
from risk.trees import Model


def model_row(content: Model, *, livemode: bool, **changes: Any) -> ScoreModel:
    """Nobody has written it yet."""
    now = timezone.now()
    good, fraud = counted([0, 3, 40, 80], [False, False, False, True])
    evaluation = Evaluation(auc=0.9, average_precision=0.8, good=good, fraud=fraud)
    given: dict[str, Any] = {
        "livemode": livemode,
        "content": content.stored(),
        "evaluation": evaluation.stored(),
        "weights": {feature.words: 1.0 for feature in content.features},
        "payments": 1_000,
        "frauds": 40,
        "first_at": now - timedelta(days=90),
        "last_at": now - timedelta(days=30),
        "known_at": now,
        "mature_days": 30,
        "tried_from": now - timedelta(days=60),
        "trained_with": "by hand",
    }
    return ScoreModel(**given | changes)
