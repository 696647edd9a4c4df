"""`manage.py stock_risk`: twenty live rules in test mode, and a model as large as trained ones."""

import random
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from risk.evaluation import Evaluation, counted
from risk.features import NUMBERS, Feature
from risk.models import RuleVersion, ScoreModel
from risk.services.rules import move_version, write_rule
from risk.services.score_models import keep_model, move_model
from risk.trees import Model, Tree

RULES, TREES, DEPTH = 20, 80, 3
SAID = {"actor": "the bench", "reason": "To be measured."}


class Command(BaseCommand):
    help = "Puts rules and a score model there, none of which stops a payment."

    def handle(self, *args: Any, **options: Any) -> None:
        for number in range(RULES):
            version = write_rule(
                name=f"Bench {number}",
                livemode=False,
                merchant=None,
                expression=f"payment.amount_base > {10**9} && card.funding == 'prepaid' && score >= {number}",
                action="block",
                **SAID,
            )
            move_version(version.pk, RuleVersion.State.LIVE, **SAID)
        model = keep_model(_row(_model(random.Random(1))), **SAID)
        move_model(model.pk, ScoreModel.State.LIVE, **SAID)


def _model(chance: random.Random) -> Model:
    features = (
        *(Feature("number", path) for path in NUMBERS),
        Feature("known", "customer.email"),
        Feature("differs", "card.country", "customer.ip_country"),
        *(Feature("is", "card.country", country) for country in ("US", "DE", "FR")),
    )
    return Model(-4.0, features, tuple(_tree(chance, len(features), DEPTH) for _ in range(TREES)))


def _tree(chance: random.Random, features: int, depth: int) -> Tree:
    if not depth:
        return chance.uniform(-0.05, 0.05)
    below, above = (_tree(chance, features, depth - 1) for _ in range(2))
    return chance.randrange(features), float(chance.randrange(10_000)), below, above


def _row(model: Model) -> ScoreModel:
    now = timezone.now()
    good, fraud = counted([0, 99], [False, True])
    return ScoreModel(
        livemode=False,
        content=model.stored(),
        evaluation=Evaluation(auc=1.0, average_precision=1.0, good=good, fraud=fraud).stored(),
        weights={},
        payments=2,
        frauds=1,
        first_at=now - timedelta(days=60),
        last_at=now - timedelta(days=30),
        known_at=now,
        mature_days=30,
        tried_from=now - timedelta(days=45),
        trained_with="the bench",
    )
