"""A score: what a model learns from payments that are past, and how it is asked without what taught it."""

import json
from typing import Any

import numpy
import pytest

from risk import fitting
from risk.evaluation import SCORES, Evaluation, counted
from risk.facts import FIELDS, neutral
from risk.features import MOST, NUMBERS, Feature, features_of
from risk.trees import Model, score_of
from tests.support.shoppers import shoppers

History = tuple[list[dict[str, Any]], list[bool]]


def made_up(number: int, seed: int) -> History:
    pairs = list(shoppers(number, seed=seed))
    return [facts for facts, _ in pairs], [thief for _, thief in pairs]


@pytest.fixture(scope="module")
def history() -> History:
    return made_up(3_000, seed=1)


@pytest.fixture(scope="module")
def model(history: History) -> Model:
    return fitting.fit(*history)


def test_the_exported_model_says_what_scikit_learn_says(history: History) -> None:
    features = features_of(history[0])
    grown = fitting.grow(features, *history)
    model = fitting.exported(grown, features)
    strange = [neutral(), {}, neutral() | {"payment": {"amount_base": 10**12}}]
    later = [*made_up(500, seed=2)[0], *strange]
    theirs = grown.predict_proba(fitting.numbers(features, later))[:, 1]
    ours = numpy.array([model.probability(facts) for facts in later])
    assert numpy.abs(ours - theirs).max() < 1e-12
    kept = Model.read(json.loads(json.dumps(model.stored())))
    assert [kept.score(facts) for facts in later] == [score_of(float(one)) for one in theirs]
    assert sum(fitting.importances(grown, features).values()) == pytest.approx(1)


def test_what_it_learned_holds_for_payments_that_it_has_not_seen(model: Model) -> None:
    evaluation = fitting.evaluate(model, *made_up(3_000, seed=3))
    assert 0.8 < evaluation.auc < 1
    assert evaluation.payments == 3_000
    # A payment with a score of 30 is fraud three times in ten, give or take.
    said = sum(bin_.said * bin_.payments for bin_ in evaluation.bins()) / evaluation.payments
    assert said == pytest.approx(evaluation.base_rate, abs=0.02)
    assert evaluation.recall(0) == 1 and evaluation.precision(0) == evaluation.base_rate
    assert "of all fraud" in evaluation.words()


def test_the_same_payments_teach_the_same_model(history: History, model: Model) -> None:
    heard: list[int] = []
    assert fitting.fit(*history, progress=heard.append) == model
    assert heard == list(range(1, fitting.TREES + 1))


def test_a_model_asks_only_for_what_it_came_to_use(model: Model) -> None:
    assert "velocity.ip_cards_1h" in model.reads
    # These were never known in its history.
    assert not {path for path in model.reads if path.startswith("history.")}
    assert not any(feature.path == "lists.new" for feature in model.features)


def test_it_learns_from_nothing_that_names_a_card_or_a_person_nor_from_scores(history: History) -> None:
    features = features_of(history[0])
    said_outright = {feature.path for feature in features if feature.kind != "known"}
    assert not said_outright & {field.path for field in FIELDS if field.sensitive}
    assert "score" not in NUMBERS and "payment.amount" not in NUMBERS
    assert Feature("number", "lists.vip") in features
    words = {feature.other for feature in features if feature.path == "customer.email_domain"}
    assert words == {"example.com"}


@pytest.mark.parametrize(
    ("feature", "facts", "number"),
    [
        (Feature("number", "velocity.ip_cards_1h"), {"velocity": {"ip_cards_1h": 3}}, 3),
        (Feature("number", "velocity.ip_cards_1h"), {}, -1),
        (Feature("number", "payment.amount_base"), {"payment": {"amount_base": 10**12}}, MOST),
        (Feature("number", "payment.capture"), {"payment": {"capture": True}}, 1),
        (Feature("is", "card.country", "US"), {"card": {"country": "US"}}, 1),
        (Feature("is", "card.country", "US"), {}, 0),
        (Feature("known", "customer.ip"), {"customer": {"ip": ""}}, 0),
        (Feature("differs", "card.country", "customer.ip_country"), {"card": {"country": "US"}}, -1),
        (
            Feature("differs", "card.country", "customer.ip_country"),
            {"card": {"country": "US"}, "customer": {"ip_country": "NG"}},
            1,
        ),
    ],
)
def test_facts_become_numbers(feature: Feature, facts: dict[str, Any], number: int) -> None:
    assert feature.of(facts) == number
    assert Feature(**feature.stored()) == feature and feature.path in feature.words


def test_a_score_is_a_share_of_a_hundred_and_never_a_hundred() -> None:
    assert [score_of(share) for share in (0.0, 0.009, 0.5, 0.999, 1.0)] == [0, 0, 50, 99, 99]


def test_a_model_of_another_format_is_not_guessed_at(model: Model) -> None:
    with pytest.raises(ValueError, match="format 2"):
        Model.read(model.stored() | {"format": 2})


def test_figures_follow_from_how_many_have_each_score() -> None:
    good, fraud = counted([0, 0, 0, 10, 80, 80, 90], [False, False, True, False, False, True, True])
    evaluation = Evaluation(auc=0.7, average_precision=0.6, good=good, fraud=fraud)
    assert (evaluation.precision(80), evaluation.recall(80), evaluation.stopped(80)) == (2 / 3, 2 / 3, 1 / 4)
    assert evaluation.best_limit(0.5) == 1 and evaluation.best_limit(1) == 81
    assert [(bin_.first, bin_.payments, bin_.was) for bin_ in evaluation.bins()] == [
        (0, 3, 1 / 3),
        (10, 1, 0),
        (80, 2, 1 / 2),
        (90, 1, 1),
    ]
    assert Evaluation.of(json.loads(json.dumps(evaluation.stored()))) == evaluation
    none = Evaluation(auc=0.5, average_precision=0.0, good=(1, *[0] * (SCORES - 1)), fraud=(0,) * SCORES)
    assert none.best_limit() is None and "At no score" in none.words()
