"""Routing in the console: a person writes rules with ordinary forms, reads them in words, sees where a payment would
go, and closes a breaker; each change is named in the history."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client as Browser

from controls.approvals import approve
from controls.errors import SamePerson
from controls.models import Approval, AuditEntry, Threshold
from core.ids import random_text
from merchants.services import NewMerchant
from payments import routing
from payments.models import ProcessorHealth, RoutingRule
from payments.services.approved_rule import carry_out
from payments.services.breaker import MIN_FAILURES, note
from payments.services.routing_rules import place_rule
from processors.protocol import Capabilities, Unknown
from tests.console.conftest import Staff
from tests.console.world import World

RULES = "/admin/payments/routingrule/"
PROCESSORS = "/admin/payments/processorhealth/"


class Adapter:
    capabilities = Capabilities()


class EurosOnly:
    capabilities = Capabilities(currencies=frozenset({"eur"}), partial_capture=False, three_d_secure=False)


@pytest.fixture(autouse=True)
def banks(looking: World, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two processors of test mode that nobody has called yet, and one of live mode. No rules."""
    first, second = (f"bank_{random_text(8)}".lower() for _ in range(2))
    modes = {first: False, second: False, "live_bank": True}
    monkeypatch.setattr(
        settings, "PROCESSORS", {name: {"adapter": "", "livemode": live} for name, live in modes.items()}
    )
    adapters = {first: Adapter, second: EurosOnly, "live_bank": Adapter}
    monkeypatch.setattr(routing, "processor", adapters.__getitem__)
    RoutingRule.objects.all().delete()
    return first, second


def filled(banks: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {
        "key": f"console_{random_text(24)}",
        "reason": "Agreed on Monday.",
        "name": "Euros",
        "position": "1",
        "enabled": "on",
        "merchant": "",
        "currencies": "eur, CHF",
        "card_brands": ["visa", "mastercard"],
        "card_countries": "de at",
        "amount_from": "50.00",
        "amount_to": "",
        "processor_0": banks[0],
        "percent_0": "70",
        "processor_1": banks[1],
        "percent_1": "30",
        **fields,
    }


def add(browser: Browser, form: dict[str, Any], mode: str = "test") -> str:
    return browser.post(f"{RULES}add/?mode={mode}", form, follow=True).content.decode()


def page(browser: Browser, path: str, **asked: Any) -> str:
    answer = browser.get(path, asked)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_rule_is_written_with_a_form_and_read_in_words(
    admin: Browser, shop: NewMerchant, banks: tuple[str, str]
) -> None:
    shown = add(admin, filled(banks, merchant=shop.merchant.pk))
    words = (
        f"Payments in CHF or EUR, by Mastercard or Visa, with cards from AT or DE, from 50.00, of {shop.merchant}: "
        f"70 % to {banks[0]}, 30 % to {banks[1]}; if that one is out: {banks[0]}, then {banks[1]}."
    )
    assert "Euros is saved as rule 1." in shown and words in shown
    rule = RoutingRule.objects.get()
    assert (rule.currencies, rule.card_countries, rule.amount_from_minor) == (
        ["eur", "chf"],
        ["DE", "AT"],
        5_000,
    )
    assert rule.targets == [
        {"processor": banks[0], "percent": 70},
        {"processor": banks[1], "percent": 30},
    ]
    assert not rule.livemode
    history = LogEntry.objects.latest("pk")
    assert history.get_change_message() == f"Added. Rule 1: {words} Agreed on Monday."
    assert "Added. Rule 1: Payments in CHF or EUR" in page(admin, RULES)


def test_a_rule_is_changed_where_it_is_and_takes_its_new_place(
    admin: Browser, banks: tuple[str, str]
) -> None:
    add(admin, filled(banks))
    add(admin, filled(banks, name="Dollars", position="2", currencies="usd"))
    rule = RoutingRule.objects.get(name="Dollars")
    path = f"{RULES}{rule.pk}/change/"
    form = page(admin, path)
    assert 'value="Dollars"' in form and 'value="50.00"' in form and 'value="USD"' in form
    admin.post(
        path, filled(banks, name="Dollars", position="1", currencies="usd", amount_from="", enabled="")
    )
    found = list(RoutingRule.objects.order_by("position").values_list("name", "enabled", "amount_from_minor"))
    assert found == [("Dollars", False, None), ("Euros", True, 5_000)]
    assert "Not in use" in page(admin, RULES)


def test_what_the_form_shows_is_what_it_takes(admin: Browser, banks: tuple[str, str]) -> None:
    add(
        admin,
        filled(
            banks,
            currencies="jpy",
            amount_from="5000",
            amount_to="9000",
            processor_1="",
            percent_1="",
            percent_0="100",
        ),
    )
    rule = RoutingRule.objects.get()
    assert (rule.amount_from_minor, rule.amount_to_minor) == (5_000, 9_000)
    shown = page(admin, f"{RULES}{rule.pk}/change/")
    assert 'value="5000"' in shown and 'value="9000"' in shown
    assert f"100 % to {banks[0]}, and to nobody else" in shown


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"name": ""}, "This field is required."),
        ({"position": "0"}, "greater than or equal to 1"),
        ({"currencies": "eur, eux"}, "Unknown currency: EUX."),
        ({"currencies": "euro"}, "EURO is not a code such as EUR."),
        ({"card_countries": "deu"}, "DEU is not a code such as DE."),
        ({"card_brands": ["vista"]}, "vista is not one of the available choices"),
        ({"currencies": ""}, "An amount means nothing without its currency"),
        ({"currencies": "eur jpy"}, "the same number of decimals"),
        ({"amount_from": "50.001"}, "At most 2 decimals in this currency."),
        ({"amount_from": "-1"}, "greater than or equal to 0"),
        ({"amount_from": "x"}, "Enter a number."),
        ({"amount_from": "50", "amount_to": "49.99"}, "This is less than the amount it begins from."),
        ({"percent_1": "20"}, "The shares come to 90 %; they must come to 100 %."),
        ({"percent_1": "20", "currencies": "eux"}, "The shares come to 90 %; they must come to 100 %."),
        ({"percent_0": "170", "percent_1": "-70"}, "less than or equal to 100"),
        (
            {"processor_0": "", "percent_0": "", "processor_1": "", "percent_1": ""},
            "Name at least one processor.",
        ),
        ({"processor_1": ""}, "Which processor is this share for?"),
        ({"processor_1": "live_bank"}, "live_bank is not one of the available choices"),
        ({"merchant": "0"}, "Select a valid choice"),
    ],
)
def test_a_form_that_means_nothing_is_refused_in_words(
    admin: Browser, banks: tuple[str, str], fields: dict[str, Any], complaint: str
) -> None:
    shown = add(admin, filled(banks, **fields))
    assert complaint in shown
    assert not RoutingRule.objects.exists()


def test_a_processor_can_not_be_named_twice(admin: Browser, banks: tuple[str, str]) -> None:
    assert f"{banks[0]} is named twice." in add(admin, filled(banks, processor_1=banks[0]))


def test_one_processor_needs_no_share(admin: Browser, banks: tuple[str, str]) -> None:
    add(admin, filled(banks, percent_0="", processor_1="", percent_1=""))
    assert RoutingRule.objects.get().targets == [{"processor": banks[0], "percent": 100}]


def test_each_mode_has_rules_of_its_own(admin: Browser, banks: tuple[str, str]) -> None:
    shown = add(
        admin, filled(banks, processor_0="live_bank", percent_0="100", processor_1="", percent_1=""), "live"
    )
    assert RoutingRule.objects.get().livemode
    assert "100 % to live_bank" in shown
    assert ">Euros</a>" in shown and ">Euros</a>" not in page(admin, RULES, mode="test")


def test_a_rule_whose_processor_is_gone_says_so(admin: Browser, banks: tuple[str, str]) -> None:
    targets = [{"processor": "gone_bank", "percent": 100}, {"processor": banks[0], "percent": 0}]
    rule = place_rule(RoutingRule(livemode=False, name="Old", targets=targets), position=1)
    assert "gone_bank is not set up" in page(admin, RULES)
    path = f"{RULES}{rule.pk}/change/"
    assert "gone_bank is not set up for this mode: it gets no payments." in page(admin, path)
    refused = admin.post(path, filled(banks, processor_0="gone_bank")).content.decode()
    assert "gone_bank is not set up for test mode." in refused


def test_a_rule_is_removed_after_asking_and_the_history_keeps_what_it_said(
    admin: Browser, banks: tuple[str, str]
) -> None:
    add(admin, filled(banks))
    add(admin, filled(banks, name="Second", position="2"))
    rule = RoutingRule.objects.get(name="Euros")
    path = f"{RULES}{rule.pk}/remove/"
    assert "Remove the rule" in page(admin, path)
    assert RoutingRule.objects.count() == 2
    assert "This field is required." in admin.post(path, filled(banks, reason="")).content.decode()
    assert "Euros is removed." in admin.post(path, filled(banks), follow=True).content.decode()
    assert list(RoutingRule.objects.values_list("position", "name")) == [(1, "Second")]
    assert (
        LogEntry.objects.latest("pk")
        .get_change_message()
        .startswith("Removed. It was rule 1: Payments in CHF")
    )
    assert admin.get(path).status_code == 404


def test_a_payment_that_nobody_makes_shows_where_it_would_go(
    admin: Browser, shop: NewMerchant, banks: tuple[str, str]
) -> None:
    add(admin, filled(banks, name="For one shop", merchant=shop.merchant.pk))
    add(admin, filled(banks, name="The rest", position="2", card_countries="", currencies="eur usd"))
    payment = {
        "amount": "50.00",
        "currency": "eur",
        "card_brand": "visa",
        "card_country": "DE",
        "merchant": "",
    }
    shown = page(admin, f"{RULES}preview/", **payment)
    assert "50.00 EUR" in shown
    assert "rule 2 &#x27;The rest&#x27;: 70 % " + banks[0] in shown
    assert "rule 2 &#x27;The rest&#x27;: 30 % " + banks[1] in shown
    assert "It is for another merchant" in shown and "Decides" in shown
    own = page(admin, f"{RULES}preview/", **{**payment, "merchant": shop.merchant.pk})
    assert "rule 1 &#x27;For one shop&#x27;" in own and "Comes after the one that decides" in own
    dollars = page(admin, f"{RULES}preview/", **{**payment, "currency": "usd"})
    assert f"{banks[1]} does not take USD; so {banks[0]}" in dollars
    assert "no rule matched" in page(admin, f"{RULES}preview/", **{**payment, "amount": "49.99"})
    assert "Enter a number." in page(admin, f"{RULES}preview/", **{**payment, "amount": "x"})
    assert "Show" in page(admin, f"{RULES}preview/")


def test_a_payment_that_would_be_refused_says_so(admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PROCESSORS", {})
    payment = {"amount": "50.00", "currency": "eur", "mode": "live"}
    assert "It would be refused" in page(admin, f"{RULES}preview/", **payment)
    assert "Nothing is set up for this mode" in page(admin, RULES, mode="live")


@pytest.fixture
def two_people(looking: World) -> Iterator[None]:
    Threshold.objects.create(action="routing_rule", amount_minor=0)
    yield
    Threshold.objects.filter(action="routing_rule").delete()


@pytest.mark.usefixtures("two_people")
def test_where_rules_take_two_people_they_change_once_somebody_else_agrees(
    staff: Staff, banks: tuple[str, str]
) -> None:
    risk = staff("view_routingrule", "add_routingrule", "change_routingrule", "delete_routingrule")
    form = filled(banks)
    for _ in range(2):
        answer = risk.post(f"{RULES}add/?mode=test", form)
    approval = Approval.objects.get(key=form["key"])
    assert answer.url == f"/admin/controls/approval/{approval.pk}/change/"  # type: ignore[attr-defined]
    assert not RoutingRule.objects.exists()
    assert "Add “Euros”, rule 1: Payments in CHF or EUR" in approval.summary
    told = AuditEntry.objects.filter(object_name=approval.public_id).earliest("pk")
    assert told.summary.startswith("Asks somebody to approve: Add “Euros”")
    with pytest.raises(SamePerson):
        approve(approval.pk, checker=approval.maker)
    checker = User.objects.create_user(random_text(9))
    assert approve(approval.pk, checker=checker).state == "done"
    # As beat would, had the first process died before it could say so.
    carry_out(approval)
    rule = RoutingRule.objects.get()
    assert (rule.name, rule.position, rule.currencies) == ("Euros", 1, ["eur", "chf"])
    assert f"approved by {checker.get_username()} ({approval.public_id})" in page(risk, RULES)

    asked = [filled(banks, name=name) for name in ("Francs", "Pounds")]
    for form in asked:
        risk.post(f"{RULES}{rule.pk}/change/", form)
    first, second = (Approval.objects.get(key=form["key"]) for form in asked)
    assert "Before: Payments in CHF or EUR" in first.summary
    assert [approve(one.pk, checker=checker).state for one in (first, second)] == ["done", "failed"]
    assert RoutingRule.objects.get().name == "Francs"
    assert "changed or removed meanwhile" in Approval.objects.get(pk=second.pk).result

    form = filled(banks)
    risk.post(f"{RULES}{rule.pk}/remove/", form)
    assert RoutingRule.objects.exists()
    approve(Approval.objects.get(key=form["key"]).pk, checker=checker)
    assert not RoutingRule.objects.exists()


def break_down(bank: str) -> None:
    for _ in range(MIN_FAILURES):
        note(bank, Unknown("no answer in 30 s"))


def test_the_processors_are_listed_with_their_state_and_why(admin: Browser, banks: tuple[str, str]) -> None:
    shown = page(admin, PROCESSORS)
    # Those that once were set up and still have a breaker are listed too.
    others = ProcessorHealth.objects.filter(state=ProcessorHealth.State.CLOSED).count()
    assert shown.count("Working") == 3 + others
    assert "EUR, without partial captures or 3-D Secure" in shown
    break_down(banks[0])
    shown = page(admin, PROCESSORS)
    assert "Left alone" in shown and "5 of 5 calls failed within 30 s, the last: no answer in 30 s" in shown
    payment = page(admin, f"{RULES}preview/", amount="1", currency="eur")
    assert f"{banks[0]} is left out: out of order: 5 of 5 calls failed" in payment


def test_a_person_closes_a_breaker_and_says_why(admin: Browser, banks: tuple[str, str]) -> None:
    break_down(banks[0])
    path = f"{PROCESSORS}{banks[0]}/close/"
    assert "5 of 5 calls failed" in page(admin, path)
    assert "This field is required." in admin.post(path, {"reason": ""}).content.decode()
    assert ProcessorHealth.objects.get(processor=banks[0]).state == "open"
    shown = admin.post(path, {"reason": "the bank called"}, follow=True).content.decode()
    assert "gets payments again" in shown
    row = ProcessorHealth.objects.get(processor=banks[0])
    assert row.state == "closed" and row.last_reason.endswith(": the bank called")
    assert LogEntry.objects.latest("pk").get_change_message() == "Closed by hand: the bank called"
    assert "gets payments already" in admin.post(path, {"reason": "again"}, follow=True).content.decode()
    assert admin.get(f"{PROCESSORS}nobody/close/").status_code == 404


def test_routing_is_shut_to_those_who_may_not(staff: Staff, banks: tuple[str, str]) -> None:
    rule = place_rule(
        RoutingRule(livemode=False, name="Old", targets=[{"processor": banks[0], "percent": 100}]), position=1
    )
    break_down(banks[0])
    change, remove = f"{RULES}{rule.pk}/change/", f"{RULES}{rule.pk}/remove/"
    close = f"{PROCESSORS}{banks[0]}/close/"
    for path in (RULES, f"{RULES}add/", f"{RULES}preview/", change, remove, PROCESSORS, close):
        assert Browser().get(path).status_code == 302
        assert staff().get(path).status_code == 403
        assert staff().post(path, filled(banks)).status_code == 403
    reader = staff("view_routingrule", "view_processorhealth")
    for path in (RULES, f"{RULES}preview/", PROCESSORS, change):
        assert '<form method="post" class="tg-form"' not in page(reader, path)
    for path in (f"{RULES}add/", change, remove, close):
        assert reader.post(path, filled(banks, reason="x")).status_code == 403
    assert RoutingRule.objects.get().name == "Old"
    assert ProcessorHealth.objects.get(processor=banks[0]).state == "open"
