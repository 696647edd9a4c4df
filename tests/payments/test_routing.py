"""Rules are rows: kept in order, guarded by the database, followed by every process within seconds, and never in the
way of a payment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django.test.utils import CaptureQueriesContext
from psycopg.types.json import Jsonb

from core.db import release_connection
from merchants.services import NewMerchant
from payments import health, routing
from payments.errors import NoProcessor
from payments.models import ProcessorHealth, RoutingRule
from payments.routes import Facts
from payments.services.routing_rules import place_rule, remove_rule
from processors.protocol import Capabilities
from tests.conftest import Books, point_django_at
from tests.support.eventually import eventually

SPLIT = [{"processor": "one", "percent": 70}, {"processor": "two", "percent": 30}]
FACTS = Facts(livemode=False, merchant_id=1, amount_minor=5_000, currency="eur", card_brand="visa")


@pytest.fixture(autouse=True)
def processors(books: Books, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two for test mode, one of them for euros and dollars only; one for live mode. No rules yet."""
    known = {"one": Capabilities(), "two": Capabilities(currencies=frozenset({"eur", "usd"})), "live": None}
    monkeypatch.setattr(
        settings, "PROCESSORS", {name: {"adapter": "", "livemode": name == "live"} for name in known}
    )
    adapters = {name: SimpleNamespace(capabilities=can or Capabilities()) for name, can in known.items()}
    monkeypatch.setattr(routing, "processor", adapters.__getitem__)
    RoutingRule.objects.all().delete()
    ProcessorHealth.objects.all().delete()
    look_again()
    yield
    release_connection()


def look_again() -> None:
    routing._rules.expire()
    health._breakers.expire()


def rule(name: str = "a rule", *, position: int = 99, **values: Any) -> RoutingRule:
    made = RoutingRule(name=name, **{"livemode": False, "targets": SPLIT, **values})
    return place_rule(made, position=position)


def order(*, livemode: bool = False) -> list[tuple[int, str]]:
    return list(RoutingRule.objects.filter(livemode=livemode).values_list("position", "name"))


def test_without_rules_the_settings_order_is_the_route() -> None:
    route = routing.route(FACTS, seed="pi_1")
    assert (route.processors, route.reason) == (("one", "two"), "no rule matched")


def test_each_mode_has_its_own_processors_and_rules() -> None:
    rule("test only", targets=[{"processor": "two", "percent": 100}])
    live = Facts(livemode=True, merchant_id=1, amount_minor=1, currency="eur")
    look_again()
    assert routing.route(FACTS, seed="pi_1").processors == ("two",)
    assert routing.route(live, seed="pi_1").processors == ("live",)


def test_every_condition_of_a_row_counts(shop: NewMerchant) -> None:
    rule(
        "narrow",
        merchant=shop.merchant,
        currencies=["eur"],
        card_brands=["visa"],
        card_countries=["DE"],
        amount_from_minor=5_000,
        amount_to_minor=5_000,
        targets=[{"processor": "two", "percent": 100}],
    )
    (read,) = routing.rules(livemode=False)
    fitting = Facts(False, shop.merchant.pk, 5_000, "eur", "visa", "DE")
    look_again()
    assert routing.route(fitting, seed="pi_1").reason == "rule 1 'narrow': 100 % two"
    assert routing.route(FACTS, seed="pi_1").reason == "no rule matched"
    assert read.merchant_id == shop.merchant.pk


def test_a_disabled_rule_decides_nothing() -> None:
    rule(enabled=False)
    look_again()
    assert routing.route(FACTS, seed="pi_1").reason == "no rule matched"


def test_a_mode_without_a_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PROCESSORS", {})
    with pytest.raises(NoProcessor):
        routing.route(FACTS, seed="pi_1")


def test_a_payment_that_nobody_can_take_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PROCESSORS", {"two": {"adapter": "", "livemode": False}})
    with pytest.raises(routing.NotServed, match="two does not take JPY"):
        routing.route(Facts(False, 1, 5_000, "jpy"), seed="pi_1")


def test_a_changed_rule_is_followed_within_seconds() -> None:
    assert routing.route(FACTS, seed="pi_1").reason == "no rule matched"
    made = rule("new", targets=[{"processor": "two", "percent": 100}])

    def reason() -> str:
        return routing.route(FACTS, seed="pi_1").reason

    eventually(lambda: reason().startswith("rule 1 'new'"), seconds=routing.READ_SECONDS + 2)
    remove_rule(made)
    look_again()
    assert reason() == "no rule matched"


def test_routing_asks_the_database_once_in_a_while_and_holds_no_connection() -> None:
    routing.route(FACTS, seed="pi_1")
    assert connection.connection is None
    with CaptureQueriesContext(connection) as captured:
        for place in range(200):
            routing.route(FACTS, seed=f"pi_{place}")
    assert len(captured) <= 1  # the breakers are read each second


def test_a_database_that_is_away_leaves_the_rules_that_were_known(books: Books) -> None:
    rule("known", targets=[{"processor": "two", "percent": 100}])
    look_again()
    assert routing.route(FACTS, seed="pi_1").reason == "rule 1 'known': 100 % two"
    before: dict[str, Any] = dict(settings.DATABASES["default"])
    options = before["OPTIONS"] | {"pool": {"min_size": 0, "max_size": 2, "timeout": 0.2}}
    point_django_at(before | {"HOST": "127.0.0.1", "PORT": "1", "OPTIONS": options})
    try:
        look_again()
        assert routing.route(FACTS, seed="pi_1").reason == "rule 1 'known': 100 % two"
        assert health.allows("one")
    finally:
        point_django_at(before)


def test_rules_stand_in_places_without_gaps() -> None:
    first, second, third = rule("first"), rule("second"), rule("third")
    assert order() == [(1, "first"), (2, "second"), (3, "third")]
    place_rule(third, position=1)
    assert order() == [(1, "third"), (2, "first"), (3, "second")]
    place_rule(RoutingRule.objects.get(pk=first.pk), position=99)
    assert order() == [(1, "third"), (2, "second"), (3, "first")]
    remove_rule(second)
    remove_rule(second)
    assert order() == [(1, "third"), (2, "first")]
    rule("live", livemode=True)
    assert order(livemode=True) == [(1, "live")]


def test_many_people_may_put_rules_in_the_same_place_at_once() -> None:
    def put(number: int) -> None:
        rule(f"rule {number}", position=1)
        release_connection()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(put, range(12)))
    assert [position for position, _ in order()] == list(range(1, 13))


@pytest.mark.parametrize(
    "targets",
    [
        [],
        {},
        "one",
        None,
        [{"processor": "one", "percent": 90}],
        [{"processor": "one", "percent": 101}],
        [{"processor": "one", "percent": 60}, {"processor": "two", "percent": 60}],
        [{"processor": "one", "percent": 150}, {"processor": "two", "percent": -50}],
        [{"processor": "one", "percent": 50}, {"processor": "one", "percent": 50}],
        [{"processor": "one", "percent": "100"}],
        [{"processor": "one", "percent": 99.5}, {"processor": "two", "percent": 0.5}],
        [{"processor": "", "percent": 100}],
        [{"processor": 1, "percent": 100}],
        [{"percent": 100}],
        [{"processor": "one"}],
        [{"processor": "one", "percent": None}, {"processor": "two", "percent": 100}],
        ["one"],
        [[100]],
    ],
)
def test_the_database_refuses_shares_that_are_none(books: Books, targets: Any) -> None:
    insert = (
        "INSERT INTO payments_routingrule (livemode, position, enabled, name, targets, updated_at)"
        " VALUES (false, 1, true, 'attack', %s, now())"
    )
    with books.superuser() as raw:
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)):
            raw.execute(insert, [Jsonb(targets)])
        with raw.transaction(force_rollback=True):
            raw.execute(insert, [Jsonb(SPLIT)])


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"name": ""}, "rules_have_names"),
        ({"currencies": ["EUR"]}, "rule_currencies_are_codes"),
        ({"currencies": ["eur", ""]}, "rule_currencies_are_codes"),
        ({"card_countries": ["de"]}, "rule_countries_are_codes"),
        ({"card_brands": ["Visa"]}, "rule_brands_are_words"),
        ({"amount_from_minor": -1, "currencies": ["eur"]}, "rule_amounts_are_not_negative"),
        ({"amount_from_minor": 2, "amount_to_minor": 1, "currencies": ["eur"]}, "rule_amounts_are_in_order"),
        ({"amount_to_minor": 1}, "rule_amounts_have_a_currency"),
    ],
)
def test_the_database_refuses_rules_that_mean_nothing(values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        rule(**{"name": "a rule", **values})


def test_the_database_refuses_two_rules_in_one_place() -> None:
    rule("first")
    with pytest.raises(IntegrityError, match="one_rule_per_position"), transaction.atomic():
        RoutingRule.objects.create(name="second", livemode=False, position=1, targets=SPLIT)
