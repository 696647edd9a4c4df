"""A model learns from what was known at a time, is kept with what it is worth, and comes into use by two people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from controls.approvals import approve, ask_for_approval
from core.errors import InvalidRequest
from core.ids import new_id, random_text
from merchants.models import Merchant
from merchants.services import create_merchant
from risk import aftermath, lessons, scoring
from risk.aftermath import Label
from risk.evaluation import Evaluation
from risk.facts import Request, neutral
from risk.lessons import Lesson, missing, trial
from risk.models import Decision, ScoreModel
from risk.services import approved_model
from risk.services.score_models import keep_model, move_model
from risk.services.training import NotEnoughHistory, train
from tests.conftest import Books
from tests.support.shoppers import shoppers

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 20
State = ScoreModel.State
SAID: Any = {"actor": "maria", "reason": "It is good."}


def past(number: int, *, over: int = 120, known_after: int = 10) -> list[Lesson]:
    """Payments of so many days before NOW, the oldest first; fraud is known some days later."""
    step = timedelta(days=over) / number
    return [
        Lesson(at, facts, Label(True, ((at + timedelta(days=known_after), None),) if thief else ()))
        for place, (facts, thief) in enumerate(shoppers(number))
        for at in [NOW - timedelta(days=DAYS + over) + place * step]
    ]


def test_what_came_out_later_is_not_known_before() -> None:
    at = NOW - timedelta(days=60)
    label = Label(True, ((at, at + timedelta(days=5)), (at + timedelta(days=9), None)))
    days = {day: label.is_fraud(at + timedelta(days=day)) for day in (-1, 0, 4, 5, 8, 9, 50)}
    assert days == {-1: False, 0: True, 4: True, 5: False, 8: False, 9: True, 50: True}


def test_a_trial_learns_what_was_known_then_and_is_tried_on_what_came_after() -> None:
    every = past(1_000, known_after=30)
    learned, tried = trial(every, now=NOW, days=DAYS)
    assert learned.lessons[-1].at <= learned.known_at - timedelta(days=DAYS)
    assert tried.lessons[0].at > learned.known_at and tried.known_at == NOW
    assert 240 <= len(tried.lessons) <= 250
    # Known 30 days after they were made, so not yet those of the last ten days before payments are old enough.
    late = [lesson for lesson in learned.lessons if lesson.at > learned.known_at - timedelta(days=30)]
    thieves = [lesson for lesson in late if lesson.label.fraud]
    assert thieves and not any(lesson.label.is_fraud(learned.known_at) for lesson in thieves)
    assert sum(learned.frauds) == sum(bool(one.label.fraud) for one in learned.lessons) - len(thieves)


def test_too_little_history_is_refused_and_says_what_is_missing() -> None:
    learned, tried = trial(past(400), now=NOW, days=DAYS)
    said = missing(learned, tried, days=DAYS)
    assert len(said) == 3 and said[0].startswith("234 of 1,000 paid payments to learn from")
    with pytest.raises(NotEnoughHistory, match="not enough history yet: 234 of 1,000"):
        train(past(400), livemode=True, now=NOW, days=DAYS, actor="maria")
    with pytest.raises(NotEnoughHistory, match="0 of 1,000"):
        train([], livemode=True, now=NOW, days=DAYS, actor="maria")


@pytest.fixture(scope="module")
def trained(books: Books) -> ScoreModel:
    return train(past(3_000), livemode=True, now=NOW, days=DAYS, actor="maria")


def another(model: ScoreModel) -> ScoreModel:
    fields = {field.name: getattr(model, field.name) for field in ScoreModel._meta.fields}
    fresh = {name: value for name, value in fields.items() if name not in ("id", "public_id", "state")}
    return keep_model(ScoreModel(**fresh), **SAID)


def test_a_model_is_kept_with_what_it_is_worth_and_from_what_it_learned(trained: ScoreModel) -> None:
    evaluation = Evaluation.of(trained.evaluation)
    assert evaluation.auc > 0.8 and evaluation.payments == 749
    assert (trained.state, trained.payments, trained.mature_days) == ("trained", 3_000, DAYS)
    assert trained.trained_with.startswith("scikit-learn 1.")
    assert trained.tried_from < trained.last_at < trained.known_at == NOW
    assert sum(trained.weights.values()) == pytest.approx(1, abs=0.01)
    (told,) = trained.changes.all()
    assert (told.state, told.actor, told.reason) == ("trained", "maria", evaluation.words())


@pytest.fixture
def raw(books: Books) -> Iterator[psycopg.Connection]:
    with books.superuser() as connection:
        yield connection


def test_postgresql_keeps_models_as_they_were_trained(raw: psycopg.Connection, trained: ScoreModel) -> None:
    for attack in (
        "UPDATE risk_scoremodel SET content = '{}'",
        "UPDATE risk_scoremodel SET evaluation = '{}'",
        "DELETE FROM risk_scoremodel",
        "TRUNCATE risk_scoremodel CASCADE",
        "UPDATE risk_scoremodelchange SET actor = 'nobody'",
        "DELETE FROM risk_scoremodelchange",
    ):
        with pytest.raises(RestrictViolation):
            raw.execute(attack)
    to = "UPDATE risk_scoremodel SET state = %s WHERE id = %s"
    first, second = another(trained), another(trained)
    with pytest.raises(CheckViolation, match="nobody says who"):
        raw.execute(to, ["live", first.pk])
    move_model(first.pk, State.LIVE, **SAID)
    with pytest.raises(UniqueViolation, match="one_score_model_is_live"):
        raw.execute(to, ["live", second.pk])
    move_model(first.pk, State.RETIRED, **SAID)
    with pytest.raises(CheckViolation, match="can not move"):
        raw.execute(to, ["live", first.pk])


def test_a_model_comes_into_use_in_place_of_the_one_before_by_two_people(trained: ScoreModel) -> None:
    first, second = another(trained), another(trained)
    facts = next(facts for facts, thief in shoppers(200) if thief)
    asked = Request(
        merchant_id=1,
        merchant="acct_1",
        livemode=True,
        charge="ch_1",
        payment_intent="pi_1",
        once="1",
        amount_minor=1,
        currency="eur",
        capture=True,
    )
    live = scoring.LiveModel()
    scoring.forget()
    assert live.score(asked, facts) is None and live.reads(True) == frozenset()
    maker, checker = (User.objects.create_user(random_text(9)) for _ in range(2))
    assert approved_model.takes_two(first, State.LIVE) and not approved_model.takes_two(first, State.RETIRED)
    wish = approved_model.wish(first, State.LIVE)
    assert wish.summary.startswith(
        f"Score payments by {first}, for every merchant in live mode. Tried on 749"
    )
    waiting = ask_for_approval(wish, key=random_text(20), maker=maker, reason="Good.")
    done = approve(waiting.pk, checker=checker)
    assert (done.state, done.result) == ("done", f"{first} gives each payment its score from now on.")
    assert approved_model.carry_out(done) == done.result
    scoring.forget()
    score = live.score(asked, facts)
    assert score is not None and score.model == first.public_id and score.value >= 0
    assert "velocity.ip_cards_1h" in live.reads(True) and live.reads(False) == frozenset()
    move_model(second.pk, State.LIVE, **SAID)
    first = ScoreModel.objects.get(pk=first.pk)
    assert first.state == State.RETIRED
    assert first.changes.get(state="retired").reason == f"{second} is live in its place."
    with pytest.raises(InvalidRequest, match="it can't be live any more"):
        move_model(first.pk, State.LIVE, **SAID)
    move_model(second.pk, State.RETIRED, **SAID)


Labelled = Callable[[Mapping[str, Label]], None]


@pytest.fixture
def labelled(monkeypatch: pytest.MonkeyPatch) -> Labelled:
    def known(labels: Mapping[str, Label]) -> None:
        def of(charges: Sequence[str]) -> Mapping[str, Label]:
            return {charge: labels[charge] for charge in charges if charge in labels}

        monkeypatch.setattr(aftermath, "_labels", [of])

    return known


def decided(merchant: Merchant, kept: Sequence[Lesson]) -> dict[str, Label]:
    """Decisions as they were written then."""
    charges = [new_id("ch") for _ in kept]
    Decision.objects.bulk_create(
        Decision(
            merchant=merchant,
            livemode=True,
            created_at=lesson.at,
            charge=charge,
            payment_intent=new_id("pi"),
            facts=lesson.facts,
            verdict="allow",
            effective="allow",
            enforced=True,
            took_microseconds=1,
        )
        for charge, lesson in zip(charges, kept, strict=True)
    )
    return {charge: lesson.label for charge, lesson in zip(charges, kept, strict=True)}


def test_the_command_trains_on_paid_payments_old_enough_or_says_what_is_missing(
    books: Books, labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(lessons, "BATCH", 700)
    merchant = create_merchant("A shop").merchant
    moved = [Lesson(one.at + (now - NOW), one.facts, one.label) for one in past(2_500)]
    young = Lesson(now - timedelta(days=3), neutral(), Label(True))
    unpaid = Lesson(moved[0].at, neutral(), Label(captured=False))
    with pytest.raises(CommandError, match=r"No model of live mode was trained.*0 of 1,000"):
        call_command("train_risk", "--mature-days", str(DAYS), stdout=StringIO())
    labelled(decided(merchant, [*moved, young, unpaid]))
    said = StringIO()
    call_command("train_risk", "--mature-days", str(DAYS), stdout=said)
    model = ScoreModel.objects.latest("pk")
    assert (model.payments, model.livemode, model.state) == (2_500, True, "trained")
    assert "On later payments" in said.getvalue()
    assert f"{model} has learned from 2,500 payments" in said.getvalue()
    with pytest.raises(CommandError, match="from 1 to 365"):
        call_command("train_risk", "--mature-days", "0")
