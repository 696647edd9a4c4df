"""The console shows what each score model is worth, and a person brings one into use, with another one where that is
wanted."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from controls.models import Approval, AuditEntry, Threshold
from core.ids import random_text
from merchants.services import create_merchant
from risk.facts import neutral
from risk.features import Feature
from risk.models import ScoreModel
from risk.services.score_models import keep_model
from risk.trees import Model
from tests.risk.test_guards import decided
from tests.support.score_models import model_row

pytestmark = pytest.mark.usefixtures("books")
LIST = "admin:risk_scoremodel_changelist"
CONTENT = Model(-3.0, (Feature("number", "payment.amount_base"),), ((0, 500.0, 0.0, 6.0),))


def logged_in(*permissions: str) -> Client:
    user = User.objects.create_user(random_text(10), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def shown(console: Client, address: str) -> str:
    answer = console.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def stepped(console: Client, model: ScoreModel, to: str) -> str:
    address = reverse("admin:risk_scoremodel_step", args=[model.pk, to])
    nonce = re.search(r'name="nonce" value="(\w+)"', shown(console, address))
    assert nonce
    form = {"nonce": nonce[1], "reason": "Good on later payments."}
    return console.post(address, form, follow=True).content.decode()


def test_models_are_shown_with_what_they_are_worth_and_brought_into_use() -> None:
    looker, analyst = logged_in("view_scoremodel"), logged_in("view_scoremodel", "change_scoremodel")
    said = shown(looker, reverse(LIST) + "?mode=live")
    assert "No model is live" in said and "not enough history yet: 0 of at least 1000" in said
    model = keep_model(model_row(CONTENT, livemode=True), actor="maria", reason="Trained on Monday.")
    facts = neutral()
    facts["payment"]["amount_base"] = 900
    decided(create_merchant("A shop").merchant, livemode=True, facts=facts)

    said = shown(looker, reverse(LIST) + "?mode=live")
    assert str(model) in said and "AUC 0.900" in said and "No model is live" in said
    page = reverse("admin:risk_scoremodel_change", args=[model.pk])
    said = shown(looker, page)
    assert said.count("<polyline") == 3 and "payment.amount_base" in said and "Trained on Monday." in said
    # The one payment that there is would have a score of 95.
    assert "<dt>90 or more</dt><dd>1</dd>" in said
    step = reverse("admin:risk_scoremodel_step", args=[model.pk, "live"])
    assert "Go live" not in said and looker.get(step).status_code == 403

    assert "gives each payment its score from now on" in stepped(analyst, model, "live")
    assert ScoreModel.objects.get(pk=model.pk).state == "live"
    assert AuditEntry.objects.filter(summary__contains=f"{model} gives each payment its score").exists()
    assert "No model is live" not in shown(looker, reverse(LIST) + "?mode=live")

    Threshold.objects.create(action="score_model", amount_minor=0)
    said = stepped(analyst, model, "retired")
    assert "takes a second person" in said and ScoreModel.objects.get(pk=model.pk).state == "live"
    assert Approval.objects.get(action="score_model").summary.startswith(f"Retire {model}")
