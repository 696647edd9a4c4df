"""Risk in the console: an analyst writes a rule, is told of mistakes while writing, tries it on past payments,
watches it and lets it decide; every payment's page says why it was treated so."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse

from controls.approvals import approve
from controls.models import Approval, AuditEntry, Threshold
from core.ids import random_text
from merchants.services import NewMerchant
from payments.models import Charge
from risk.models import BackTest, Decision, Review, RiskSettings, Rule, RuleVersion
from tests.console.conftest import Staff, person
from tests.console.desk import HIDDEN, Desk
from tests.console.world import World
from tests.support.client import Client
from tests.support.eventually import eventually

RULES = "/admin/risk/rule/"
LARGE = "payment.amount > 50000 && card.brand == 'visa'"


@pytest.fixture
def analyst(staff: Staff) -> Browser:
    return staff(
        "view_rule",
        "view_decision",
        "view_charge",
        "add_rule",
        "change_rule",
        "export_lists",
        "view_approval",
    )


def page(browser: Browser, path: str, **asked: Any) -> str:
    answer = browser.get(path, asked)
    assert answer.status_code == 200
    return answer.content.decode()


def send(browser: Browser, path: str, **fields: Any) -> str:
    """The form as it was shown, with these fields; what is seen afterwards."""
    hidden = {**dict(HIDDEN.findall(page(browser, path))), "reason": "Fraud on Monday."}
    return browser.post(path, {**hidden, **fields}, follow=True).content.decode()


def check(browser: Browser, expression: str, **fields: Any) -> str:
    asked = {"expression": expression, "action": "block", "mode": "test", **fields}
    return browser.post(f"{RULES}check/", asked).content.decode()


def write(browser: Browser, shop: NewMerchant, expression: str = LARGE, **fields: Any) -> RuleVersion:
    name = f"Large {random_text(6)}"
    said = {"name": name, "merchant": shop.merchant.pk, "expression": expression, "action": "block", **fields}
    send(browser, f"{RULES}add/?mode=test", **said)
    return RuleVersion.objects.get(rule__name=name)


def step(browser: Browser, version: RuleVersion, to: str) -> str:
    return send(browser, reverse("admin:risk_rule_step", args=[version.pk, to]))


def test_a_rule_s_life_from_the_first_stroke_to_a_payment_that_it_stops(
    analyst: Browser, api: Client, shop: NewMerchant
) -> None:
    RiskSettings.objects.create(merchant=shop.merchant, livemode=False, enforced=True)
    for amount in (60_000, 70_000, 1_000):
        api.charge(amount=amount)
    own = {"merchant": str(shop.merchant.pk)}
    glance = check(analyst, LARGE, **own)
    assert "This can be asked." in glance and "it would have blocked <b>2</b> (66.7 %)" in glance
    version = write(analyst, shop)
    assert (version.state, version.expression, version.rule.livemode) == ("draft", LARGE, False)
    path = f"{RULES}{version.rule_id}/change/"
    assert "Not tried yet." in page(analyst, path)

    begun = analyst.post(reverse("admin:risk_rule_try_out", args=[version.pk]), {"days": "30"}, follow=True)
    test = BackTest.objects.get(version=version)
    tried = reverse("admin:risk_rule_back_test", args=[test.pk])
    assert "Go on" in begun.content.decode()
    piece = analyst.post(tried, {"piece": "yes"}).content.decode()
    assert 'data-done="yes"' in piece and "<html" not in piece
    assert "It would have blocked 2 of 3 payments (66.7 %). Of the 2 of these that were paid" in piece
    assert "It would have blocked 2 of 3" in page(analyst, path)

    assert "is asked with every payment from now on, and only written down." in step(
        analyst, version, "shadow"
    )
    assert "Tried on 30 days: It would have blocked 2 of 3" in page(
        analyst, reverse("admin:risk_rule_step", args=[version.pk, "live"])
    )
    assert "decides from now on." in step(analyst, version, "live")
    states = version.changes.order_by("pk").values_list("state", "reason")
    assert list(states) == [(state, "Fraud on Monday.") for state in ("draft", "shadow", "live")]
    told = AuditEntry.objects.filter(model="risk.rule", object_id=str(version.rule_id)).order_by("pk")
    assert [entry.summary[:22] for entry in told] == ["Wrote version 1: Block", *[f"{version}"[:22]] * 2]

    refused = eventually(lambda: (reply := api.charge(amount=80_000)).status == 402 and reply.json())
    charge = Charge.objects.get(public_id=refused["error"]["charge"])
    shown = page(analyst, f"/admin/payments/charge/{charge.pk}/change/")
    for text in ("Blocked before any bank was asked.", version.rule.name, "payment.amount was <b>80000</b>"):
        assert text in shown, text
    lately = page(analyst, path)
    assert "Live: decides" in lately and "payment.amount &gt; 50000" in lately
    assert f"{version.rule.name}</a>" in page(analyst, RULES)


def test_a_mistake_is_shown_where_it_is_and_nothing_is_saved(analyst: Browser, shop: NewMerchant) -> None:
    shown = check(analyst, "payment.amount > 1 && card.county == 'DE'")
    assert "There is no fact &#x27;card.county&#x27;. Did you mean card.country?" in shown
    assert "<mark>card.county</mark>" in shown
    assert "such payments match too" in check(analyst, "customer.age_days < 2")
    assert "It is checked while you write." in check(analyst, " ")
    known = Rule.objects.count()
    said = {"name": "Bad", "merchant": "", "expression": "payment.amount", "action": "block"}
    refused = send(analyst, f"{RULES}add/?mode=test", **said)
    assert "A rule says yes or no" in refused and "(at character 1)" in refused
    assert Rule.objects.count() == known


def test_a_version_is_never_changed_and_the_next_shows_what_it_changed(
    analyst: Browser, shop: NewMerchant
) -> None:
    version = write(analyst, shop)
    step(analyst, version, "live")
    path = reverse("admin:risk_rule_write", args=[version.rule_id])
    assert "This is what version 1 says." in send(analyst, path, expression=LARGE, action="block")
    after = LARGE.replace("50000", "30000")
    shown = send(analyst, path, expression=after, action="review")
    assert "<del>50000</del><ins>30000</ins>" in shown and "What changed since version 1" in shown
    second = version.rule.versions.get(number=2)
    assert "Version 1, which is there now, is retired for it" in page(
        analyst, reverse("admin:risk_rule_step", args=[second.pk, "live"])
    )
    step(analyst, second, "live")
    step(analyst, second, "retired")
    assert "Nothing of this rule is in use." in page(analyst, f"{RULES}{version.rule_id}/change/")
    assert f"{second} is retired." in step_again(analyst, second)
    assert LARGE in page(analyst, f"{path}?from=1").replace("&gt;", ">").replace("&amp;", "&").replace(
        "&#x27;", "'"
    )


def step_again(browser: Browser, version: RuleVersion) -> str:
    return browser.get(
        reverse("admin:risk_rule_step", args=[version.pk, "live"]), follow=True
    ).content.decode()


@pytest.fixture
def two_people(looking: World) -> Iterator[None]:
    Threshold.objects.create(action="risk_rule", amount_minor=0)
    yield
    Threshold.objects.filter(action="risk_rule").delete()


@pytest.mark.usefixtures("two_people")
def test_where_rules_take_two_people_one_asks_and_another_lets_it_decide(
    analyst: Browser, shop: NewMerchant
) -> None:
    version = write(analyst, shop)
    assert "only written down" in step(analyst, version, "shadow")
    assert "This takes a second person." in step(analyst, version, "live")
    approval = Approval.objects.get(action="risk_rule", subject=version.rule.public_id)
    assert approval.summary.startswith(
        f"Enforce “{version.rule.name}”, version 1: Block payments of {shop.merchant}"
    )
    assert "It was not tried on past payments." in approval.summary
    assert RuleVersion.objects.get(pk=version.pk).state == "shadow"
    approve(approval.pk, checker=User.objects.create_user(random_text(9)))
    assert RuleVersion.objects.get(pk=version.pk).state == "live"
    # The approval leads to the rule by its id.
    assert analyst.get(RULES, {"q": approval.subject}).url == f"{RULES}{version.rule_id}/change/"  # type: ignore[attr-defined]
    assert "This takes a second person." in step(analyst, version, "retired")
    assert RuleVersion.objects.get(pk=version.pk).state == "live"


def test_a_form_that_is_sent_twice_writes_one_version(analyst: Browser, shop: NewMerchant) -> None:
    path = f"{RULES}add/?mode=test"
    hidden = dict(HIDDEN.findall(page(analyst, path)))
    name = f"Once {random_text(6)}"
    fields = {
        "name": name,
        "merchant": shop.merchant.pk,
        "expression": LARGE,
        "action": "block",
        "reason": "Once.",
    }
    for _ in range(2):
        analyst.post(path, {**hidden, **fields})
    assert Rule.objects.filter(name=name).count() == 1


def test_decisions_are_listed_filtered_and_taken_as_a_file(
    analyst: Browser, api: Client, shop: NewMerchant
) -> None:
    api.charge(amount=1_000)
    own = {"merchant": str(shop.merchant.pk)}
    listed: Any = analyst.get("/admin/risk/decision/", own)
    (decision,) = listed.context["cl"].result_list
    for wrong in ({"verdict__exact": "block"}, {"done": "fault"}, {"done": "shadow"}, {"rule": "rr_none"}):
        assert not analyst.get("/admin/risk/decision/", {**own, **wrong}).context["cl"].result_list
    shown = page(analyst, f"/admin/risk/decision/{decision.pk}/change/")
    for text in ("Allowed.", "What was known", "Where the card was issued", "10.00 USD"):
        assert text in shown, text
    file = b"".join(analyst.get("/admin/risk/decision/export/", own).streaming_content).decode()  # type: ignore[attr-defined]
    assert decision.charge in file and "took_microseconds" in file
    assert Decision.objects.filter(pk=decision.pk, effective="allow").exists()


def held(api: Client, amount: int) -> Review:
    charge = api.charge(amount=amount, source="tok_riskLevelElevated").json()["id"]
    return Review.objects.get(charge=charge)


@pytest.fixture
def reviewer(looking: World) -> tuple[Desk, Browser]:
    """The same person at the running gateway, which calls the bank, and inside this process."""
    user = person("view_review", "change_review", "view_charge", "view_decision")
    browser = Browser()
    browser.force_login(user)
    return Desk.of(looking.url, user), browser


def test_a_payment_that_is_held_is_in_the_queue_with_its_reasons_and_is_decided_once(
    api: Client, shop: NewMerchant, reviewer: tuple[Desk, Browser]
) -> None:
    desk, browser = reviewer
    first, second = held(api, 64_900), held(api, 12_000)
    own = {"merchant": str(shop.merchant.pk)}
    queue = page(browser, "/admin/risk/review/", **own)
    assert queue.index(first.public_id) < queue.index(second.public_id)
    assert "649.00 USD" in queue and "hours left" in queue
    home: Any = browser.get("/admin/")
    assert [tile.alarm for tile in home.context["tiles"] if tile.title == "Reviews"] == [True]
    assert browser.get("/admin/find/", {"q": first.public_id}).status_code == 302
    shown = page(browser, f"/admin/risk/review/{first.pk}/change/")
    for text in (
        "The card holds this money",
        "Held for review.",
        "What was known",
        "It is rejected",
        "Shares its",
    ):
        assert text in shown, text
    charge = Charge.objects.get(public_id=first.charge)
    on_charge = page(browser, f"/admin/payments/charge/{charge.pk}/change/")
    assert "Review it" in on_charge and "Held for review." in on_charge

    fields = {"key": f"console_{random_text(24)}", "reason": "Called them.", "confirmed": "on"}
    for _ in range(2):
        answer = desk.post(f"/admin/risk/review/{first.pk}/approve/", fields)
    assert "Called them." in answer
    charge = Charge.objects.get(pk=charge.pk)
    assert (charge.state, charge.captured_minor) == ("captured", 64_900)
    late = desk.post(
        f"/admin/risk/review/{first.pk}/reject/", {**fields, "key": f"console_{random_text(24)}"}
    )
    assert "Reject" in late and Charge.objects.get(pk=charge.pk).state == "captured"
    assert first.public_id not in page(browser, "/admin/risk/review/", **own)
    assert first.public_id in page(browser, "/admin/risk/review/", **own, queue="ended")
    desk.post(f"/admin/risk/review/{second.pk}/reject/", {**fields, "key": f"console_{random_text(24)}"})
    assert Charge.objects.get(public_id=second.charge).state == "voided"
    entry = AuditEntry.objects.filter(model="risk.review", object_id=str(second.pk)).latest("pk")
    assert entry.summary == "Rejects what is held for review: Called them."
