"""The choice of processors: by the first rule that fits, in proportion, the same for the same payment, and never a
processor that can not do it."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.routes import (
    Available,
    Facts,
    Rule,
    Target,
    choose,
    conditions_in_words,
    mismatch,
    targets_in_words,
)
from processors.protocol import Capabilities

FACTS = Facts(
    livemode=False,
    merchant_id=7,
    amount_minor=5_000,
    currency="eur",
    card_brand="visa",
    card_country="DE",
)
ANYTHING = Capabilities()
BOTH = [Available("one", ANYTHING), Available("two", ANYTHING)]
SPLIT = (Target("one", 70), Target("two", 30))
EUR_VISA = Rule(3, "EUR Visa", SPLIT, currencies=frozenset({"eur", "chf"}), card_brands=frozenset({"visa"}))


def seeds(number: int) -> list[str]:
    return [f"pi_{place}" for place in range(number)]


def seed_for(first: str, rule: Rule = EUR_VISA) -> str:
    """A payment whose first choice that is."""
    return next(
        seed for seed in seeds(1_000) if choose(FACTS, [rule], BOTH, seed).data["processors"][0] == first
    )


def test_without_a_rule_the_settings_order_decides() -> None:
    route = choose(FACTS, [], BOTH, "pi_1")
    assert route.processors == ("one", "two")
    assert route.reason == "no rule matched"
    assert route.data == {"rule": None, "processors": ["one", "two"], "left_out": {}}


def test_a_rule_names_the_first_choice_and_the_order_of_the_others() -> None:
    rule = replace(EUR_VISA, targets=(Target("three", 0), Target("one", 70), Target("two", 30)))
    available = [*BOTH, Available("three", ANYTHING)]
    by_first = {
        route.processors[0]: route for route in (choose(FACTS, [rule], available, seed) for seed in seeds(50))
    }
    assert by_first["one"].processors == ("one", "three", "two")
    assert by_first["two"].processors == ("two", "three", "one")
    assert by_first["one"].reason == "rule 3 'EUR Visa': 70 % one"
    assert by_first["two"].data == {
        "rule": 3,
        "name": "EUR Visa",
        "percent": 30,
        "processors": ["two", "three", "one"],
        "left_out": {},
    }


def test_the_first_rule_that_fits_decides() -> None:
    catch_all = Rule(9, "rest", (Target("two", 100),))
    assert choose(FACTS, [EUR_VISA, catch_all], BOTH, "pi_1").reason.startswith("rule 3 ")
    assert choose(replace(FACTS, currency="usd"), [EUR_VISA, catch_all], BOTH, "pi_1").reason == (
        "rule 9 'rest': 100 % two"
    )
    assert choose(replace(FACTS, currency="usd"), [EUR_VISA], BOTH, "pi_1").reason == "no rule matched"


@pytest.mark.parametrize(
    ("rule", "facts", "why"),
    [
        (Rule(1, "r", SPLIT), FACTS, ""),
        (Rule(1, "r", SPLIT, merchant_id=7), FACTS, ""),
        (Rule(1, "r", SPLIT, merchant_id=8), FACTS, "it is for another merchant"),
        (EUR_VISA, FACTS, ""),
        (EUR_VISA, replace(FACTS, currency="usd"), "the currency is not CHF or EUR"),
        (EUR_VISA, replace(FACTS, card_brand="amex"), "the card is not Visa"),
        (EUR_VISA, replace(FACTS, card_brand=""), "the card is not Visa"),
        (Rule(1, "r", SPLIT, card_countries=frozenset({"DE", "AT"})), FACTS, ""),
        (
            Rule(1, "r", SPLIT, card_countries=frozenset({"DE", "AT"})),
            replace(FACTS, card_country=""),
            "the card is not from AT or DE",
        ),
        (Rule(1, "r", SPLIT, amount_from_minor=5_000, amount_to_minor=5_000), FACTS, ""),
        (Rule(1, "r", SPLIT, amount_from_minor=5_001), FACTS, "the amount is below 50.01 EUR"),
        (Rule(1, "r", SPLIT, amount_to_minor=4_999), FACTS, "the amount is above 49.99 EUR"),
    ],
)
def test_a_rule_fits_where_every_condition_does(rule: Rule, facts: Facts, why: str) -> None:
    assert mismatch(rule, facts) == why


def test_the_split_is_kept_over_ten_thousand_payments() -> None:
    shares = (Target("one", 57), Target("two", 30), Target("three", 12), Target("four", 1), Target("none", 0))
    rule = Rule(1, "split", shares)
    available = [Available(share.processor, ANYTHING) for share in shares]
    firsts = Counter(choose(FACTS, [rule], available, seed).processors[0] for seed in seeds(10_000))
    for share in shares:
        # Four standard deviations of a fair draw.
        spread = 4 * (10_000 * share.percent / 100 * (1 - share.percent / 100)) ** 0.5
        assert abs(firsts[share.processor] - 100 * share.percent) <= spread


def test_a_payment_goes_the_same_way_each_time_it_is_asked() -> None:
    for seed in seeds(100):
        assert choose(FACTS, [EUR_VISA], BOTH, seed) == choose(FACTS, [EUR_VISA], BOTH, seed)


def test_a_larger_share_moves_only_the_payments_that_it_needs() -> None:
    more = replace(EUR_VISA, targets=(Target("one", 80), Target("two", 20)))
    for seed in seeds(500):
        if choose(FACTS, [EUR_VISA], BOTH, seed).processors[0] == "one":
            assert choose(FACTS, [more], BOTH, seed).processors[0] == "one"


def test_a_processor_that_lacks_the_currency_is_left_out_and_the_reason_says_so() -> None:
    available = [Available("one", Capabilities(currencies=frozenset({"usd"}))), BOTH[1]]
    route = choose(FACTS, [], available, "pi_1")
    assert route.processors == ("two",)
    assert route.reason == "no rule matched; one does not take EUR; so two"
    assert route.data["left_out"] == {"one": "does not take EUR"}
    by_rule = choose(FACTS, [EUR_VISA], available, seed_for("one"))
    assert by_rule.processors == ("two",)
    assert by_rule.reason == "rule 3 'EUR Visa': 70 % one; one does not take EUR; so two"


def test_a_processor_that_can_not_authenticate_is_left_out_where_that_is_needed() -> None:
    available = [Available("one", Capabilities(three_d_secure=False)), BOTH[1]]
    assert choose(FACTS, [], available, "pi_1").processors == ("one", "two")
    route = choose(replace(FACTS, three_d_secure=True), [], available, "pi_1")
    assert route.processors == ("two",)
    assert "one can not authenticate cardholders" in route.reason


def test_a_rule_whose_processors_can_not_do_it_is_passed_over() -> None:
    gone = Rule(1, "old bank", (Target("gone", 100),))
    route = choose(FACTS, [gone, EUR_VISA], BOTH, seed_for("one"))
    assert route.processors == ("one", "two")
    assert route.reason == (
        "rule 1 'old bank' names no processor that can take it; rule 3 'EUR Visa': 70 % one"
    )
    assert choose(FACTS, [gone], BOTH, "pi_1").reason.endswith("; no rule matched")


def test_a_processor_that_is_not_set_up_any_more_is_left_out() -> None:
    rule = Rule(1, "r", (Target("gone", 100), Target("two", 0)))
    route = choose(FACTS, [rule], BOTH, "pi_1")
    assert (route.processors, route.reason) == (
        ("two",),
        "rule 1 'r': 100 % gone; gone is not set up; so two",
    )


def test_nobody_who_can_take_it_is_an_empty_route() -> None:
    route = choose(FACTS, [], [Available("one", Capabilities(currencies=frozenset({"usd"})))], "pi_1")
    assert route.processors == ()
    assert "one does not take EUR" in route.reason
    assert choose(FACTS, [EUR_VISA], [], "pi_1").processors == ()


def test_a_blocked_processor_is_left_out_and_the_reason_says_why() -> None:
    available = [Available("one", ANYTHING, blocked="out of order: 5 of 6 calls failed"), BOTH[1]]
    route = choose(FACTS, [EUR_VISA], available, seed_for("one"))
    assert route.processors == ("two",)
    assert route.reason == (
        "rule 3 'EUR Visa': 70 % one; one is left out: out of order: 5 of 6 calls failed; so two"
    )
    assert choose(FACTS, [EUR_VISA], available, seed_for("two")).processors == ("two",)


def test_where_all_are_blocked_the_first_is_tried_all_the_same() -> None:
    available = [Available("one", ANYTHING, "out of order: x"), Available("two", ANYTHING, "out of order: y")]
    route = choose(FACTS, [EUR_VISA], available, seed_for("two"))
    assert route.processors == ("two", "one")
    assert route.reason == (
        "rule 3 'EUR Visa': 30 % two; all are blocked, two is tried all the same (out of order: y)"
    )


def test_a_rule_that_names_one_processor_never_leads_to_another() -> None:
    only = Rule(1, "only one", (Target("one", 100),))
    route = choose(FACTS, [only], [Available("one", ANYTHING, "out of order: x"), BOTH[1]], "pi_1")
    assert route.processors == ("one",)


CAPABLE = st.builds(
    Capabilities,
    currencies=st.sampled_from([None, frozenset({"eur"}), frozenset({"usd"})]),
    three_d_secure=st.booleans(),
)
RULES = st.builds(
    Rule,
    position=st.integers(1, 9),
    name=st.text(max_size=80),
    targets=st.permutations([Target("one", 50), Target("two", 50), Target("gone", 0)]).map(tuple),
    currencies=st.sampled_from([frozenset(), frozenset({"eur"}), frozenset({"usd"})]),
)


@given(
    rules=st.lists(RULES, max_size=12),
    capable=st.tuples(CAPABLE, CAPABLE),
    blocked=st.tuples(st.sampled_from(["", "x" * 300]), st.sampled_from(["", "y" * 300])),
    three_d_secure=st.booleans(),
    seed=st.text(max_size=40),
)
def test_whatever_the_rules_only_processors_that_can_do_it_are_chosen(
    rules: list[Rule],
    capable: tuple[Capabilities, Capabilities],
    blocked: tuple[str, str],
    three_d_secure: bool,
    seed: str,
) -> None:
    available = [Available("one", capable[0], blocked[0]), Available("two", capable[1], blocked[1])]
    route = choose(replace(FACTS, three_d_secure=three_d_secure), rules, available, seed)
    able = {
        each.name
        for each in available
        if (each.capabilities.currencies is None or "eur" in each.capabilities.currencies)
        and (each.capabilities.three_d_secure or not three_d_secure)
    }
    assert set(route.processors) <= able
    assert bool(route.processors) == bool(able)
    assert len(set(route.processors)) == len(route.processors)
    assert 0 < len(route.reason) <= 500


@pytest.mark.parametrize(
    ("rule", "merchant", "words"),
    [
        (Rule(1, "r", SPLIT), "", "Every payment"),
        (EUR_VISA, "", "Payments in CHF or EUR, by Visa"),
        (
            replace(EUR_VISA, card_countries=frozenset({"DE"}), amount_from_minor=5_000, merchant_id=1),
            "Harbour Books",
            "Payments in CHF or EUR, by Visa, with cards from DE, from 50.00, of Harbour Books",
        ),
        (
            Rule(1, "r", SPLIT, currencies=frozenset({"jpy"}), amount_from_minor=1, amount_to_minor=5_000),
            "",
            "Payments in JPY, from 1 up to 5,000",
        ),
    ],
)
def test_a_rule_is_told_in_words(rule: Rule, merchant: str, words: str) -> None:
    assert conditions_in_words(rule, merchant) == words


def test_targets_are_told_in_words() -> None:
    assert targets_in_words(SPLIT) == "70 % to one, 30 % to two; if that one is out: one, then two"
    assert targets_in_words((Target("one", 100),)) == "100 % to one, and to nobody else"
