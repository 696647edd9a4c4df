"""Decisions come out again as they did, whatever was changed since; and what today's rules would change is shown."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.ids import new_id
from merchants.models import Merchant
from merchants.services import create_merchant
from risk import engine, replay, rulebook, scoring
from risk.facts import Request
from risk.features import Feature
from risk.models import Decision, RuleVersion, ScoreModel
from risk.services.assess import assess
from risk.services.rules import move_version, write_rule, write_version
from risk.services.score_models import keep_model, move_model
from risk.trees import Model
from tests.conftest import Books
from tests.support.rules import enforce
from tests.support.score_models import model_row

State = RuleVersion.State
SAID: Any = {"actor": "maria", "reason": "Fraud on Monday."}
MONTH = timedelta(days=30)


def live_rule(name: str, expression: str, action: str, state: State = State.LIVE) -> RuleVersion:
    version = write_rule(
        name=name, livemode=False, merchant=None, expression=expression, action=action, **SAID
    )
    return move_version(version.pk, state, **SAID)


def live_score(limit: int) -> ScoreModel:
    """Of what is above the limit, nearly everything is fraud."""
    content = Model(-3.0, (Feature("number", "payment.amount"),), ((0, float(limit), 0.0, 6.0),))
    model = keep_model(model_row(content, livemode=False), **SAID)
    return move_model(model.pk, ScoreModel.State.LIVE, **SAID)


def judged(merchant: Merchant, number: int, *, ended: datetime) -> list[Decision]:
    """Payments of a month, judged by what holds now."""
    rulebook.forget()
    scoring.forget()
    made = []
    for place in range(number):
        charge = new_id("ch")
        request = Request(
            merchant_id=merchant.pk,
            merchant=merchant.public_id,
            livemode=False,
            charge=charge,
            payment_intent=new_id("pi"),
            once=charge,
            amount_minor=100 * place,
            currency="usd",
            capture=True,
            # One in ten pays with the test card that is always blocked.
            card_bin="410000" if place % 10 == 0 else "424242",
            card_last4="0019" if place % 10 == 0 else "4242",
        )
        decision = assess(request, at=ended, history=lambda request: {})
        decision.created_at = ended - MONTH * (place + 1) / (number + 1)
        made.append(decision)
    return Decision.objects.bulk_create(made)


@pytest.fixture(scope="module")
def month(books: Books) -> datetime:
    """Its end. Rules and the model have changed since."""
    merchant = create_merchant("A shop").merchant
    enforce(merchant.pk)
    for shipped in RuleVersion.objects.filter(state=State.LIVE):
        move_version(shipped.pk, State.RETIRED, **SAID)
    large = live_rule("Large", "payment.amount > 3000", "block")
    live_rule("Scored", "score > 60", "review")
    live_rule("Watched", "payment.amount > 10", "block", State.SHADOW)
    first = live_score(2_000)
    ended = timezone.now()
    judged(merchant, 60, ended=ended)
    after = write_version(large.rule_id, expression="payment.amount > 4000", action="block", **SAID)
    move_version(after.pk, State.LIVE, **SAID)
    move_model(first.pk, ScoreModel.State.RETIRED, **SAID)
    rulebook.forget()
    scoring.forget()
    return ended


def replayed(ended: datetime, *more: str) -> str:
    said = StringIO()
    since, until = (ended - MONTH).isoformat(), ended.isoformat()
    call_command("replay_decisions", "--since", since, "--until", until, *more, stdout=said)
    return said.getvalue()


def test_a_month_of_decisions_comes_out_again_by_the_versions_that_they_name(
    month: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "BATCH", 7)
    verdicts = Decision.objects.values_list("verdict", flat=True)
    assert {verdict: list(verdicts).count(verdict) for verdict in set(verdicts)} == {
        "allow": 18,
        "review": 9,
        "block": 33,
    }
    assert replayed(month) == "All 60 decisions come out as they did.\n"


def test_what_the_rules_of_today_would_change_is_shown_and_nothing_is_written(month: datetime) -> None:
    said = replayed(month, "--rules", "current", "--mode", "test")
    # Without a model nothing is reviewed for its score; large is larger now.
    assert "18 of 60 verdicts would change" in said
    rows = [line.replace("│", " ").split()[:3] for line in said.splitlines() if line.startswith("│")]
    assert sorted(rows) == [["block", "allow", "9"], ["review", "allow", "9"]]
    assert replayed(month) == "All 60 decisions come out as they did.\n"


def test_a_decision_that_comes_out_otherwise_is_named(month: datetime) -> None:
    like = Decision.objects.filter(verdict="review").latest("pk")
    at = month + timedelta(days=1)
    values = {
        field.attname: getattr(like, field.attname) for field in Decision._meta.fields if field.name != "id"
    }

    def wrong(**changes: Any) -> None:
        Decision.objects.create(**{**values, "created_at": at, "charge": new_id("ch"), **changes})

    wrong(verdict="allow", effective="allow")
    wrong(score=12)
    wrong(engine=engine.VERSION + 1)
    wrong(results=[{**like.results[0], "rule": "rr_gone"}])
    with pytest.raises(CommandError, match=r"4 of \d+ decisions come out otherwise: .*the engine 1 times"):
        replayed(at + timedelta(hours=1))
    with pytest.raises(CommandError, match="No payment was judged"):
        replayed(month + 3 * MONTH)
    with pytest.raises(CommandError, match="must come before"):
        call_command("replay_decisions", "--since", "2026-01-02", "--until", "2026-01-01")
