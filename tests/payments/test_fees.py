"""What a charge costs: exact, by the first rule that fits, by the version that held when it began."""

import json
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from ledger.queries import balance
from merchants.auth import Caller
from merchants.services import NewMerchant
from payments import agreed, queries, serializers
from payments.fees import Plan, Rule, checked_rules
from payments.models import BalanceTransaction, Charge, FeePlan
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.fee_plans import set_fee_plan
from processors.protocol import Approved
from tests.conftest import Books
from tests.payments.balances import balances
from tests.support.scripted import ScriptedBank

STANDARD = {"share_millionths": 29_000, "fixed_minor": 30}
PLAN = Plan(
    1,
    "DE",
    (
        Rule(40_000, fixed_minor=50, card_brands=("amex",)),
        Rule(15_000, fixed_minor=25, currencies=("eur",), card_origin="domestic"),
        Rule(25_000, fixed_minor=25, minimum_minor=100, maximum_minor=500, card_origin="cross_border"),
        Rule(29_000, fixed_minor=30),
    ),
)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "brand", "country", "fee_minor"),
    [
        (10_000, "eur", "amex", "DE", 450),
        (10_000, "eur", "visa", "DE", 175),
        (10_000, "usd", "visa", "DE", 320),
        (10_000, "eur", "visa", "FR", 275),
        (1_000, "eur", "visa", "FR", 100),
        (99_999, "eur", "visa", "FR", 500),
        (10_000, "eur", "visa", "", 320),
        (60, "eur", "visa", "FR", 60),
    ],
    ids=["brand", "domestic", "other-currency", "abroad", "minimum", "cap", "unknown-country", "never-more"],
)
def test_the_first_rule_that_fits_is_the_price(
    amount_minor: int, currency: str, brand: str, country: str, fee_minor: int
) -> None:
    assert PLAN.fee(amount_minor, currency=currency, card_brand=brand, card_country=country) == fee_minor


@given(st.integers(1, 99_999_999), st.integers(0, 1_000_000), st.integers(0, 1_000))
def test_a_fee_is_exact_but_for_half_a_unit_and_never_more_than_its_charge(
    amount_minor: int, millionths: int, fixed_minor: int
) -> None:
    fee_minor = Rule(millionths, fixed_minor=fixed_minor).price(amount_minor)
    exact = Fraction(amount_minor * millionths, 1_000_000) + fixed_minor
    assert 0 <= fee_minor <= amount_minor
    assert fee_minor == amount_minor or Fraction(-1, 2) < fee_minor - exact <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([], "1 to 50 rules, not 0"),
        ([{"share_millionths": 1_000_001}], r"<= 1000000.*\[0\].share_millionths"),
        ([{"share_millionths": 2.9}], r"`int`, got `float`.*share_millionths"),
        ([{"share_millionths": 1, "fixed_minor": -1}], ">= 0.*fixed_minor"),
        ([{"percent": 2}], "share_millionths|percent"),
        (
            [{"share_millionths": 1, "minimum_minor": 9, "maximum_minor": 8}],
            "cap, 8, is below its minimum, 9",
        ),
        ([{"share_millionths": 1, "currencies": ["eur"]}], "last rule must fit every payment"),
        ([STANDARD, STANDARD], "Rule 1: .*behind it would never be asked"),
        ([{**STANDARD, "currencies": ["xyz"]}, STANDARD], "XYZ is not a currency"),
        ([{**STANDARD, "currencies": ["eur", "jpy"]}, STANDARD], "same number of decimals"),
        ([{**STANDARD, "card_origin": "domestic"}, STANDARD], "home country"),
    ],
)
def test_what_no_plan_may_say_is_named(rules: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        checked_rules(rules, home_country="")


def plan_of(shop: NewMerchant, *rules: dict[str, Any], home_country: str = "") -> FeePlan:
    made = set_fee_plan(
        shop.merchant, list(rules), home_country=home_country, made_by="test", reason="Agreed."
    )
    agreed.forget()
    return made


def test_a_new_plan_prices_later_charges_only_and_each_keeps_its_version(
    shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    earned = balance("fees:earned", "usd", livemode=False)
    held = json.loads(
        create_charge(
            caller=caller, asked=NewCharge(10_000, "usd", "tok_visa", capture=False), key=key("held")
        ).body
    )["id"]
    first = plan_of(shop, {"share_millionths": 12_345, "fixed_minor": 7})
    sold = json.loads(
        create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("sold")).body
    )["id"]
    second = plan_of(shop, {"share_millionths": 500_000})
    capture_charge(caller=caller, charge=held, amount_minor=None, key=key("capture"))
    assert (first.version, second.version) == (1, 2)
    charges = {each.public_id: each for each in Charge.objects.filter(merchant=shop.merchant)}
    assert (charges[held].fee_minor, charges[held].fee_plan) == (320, FeePlan.objects.get(merchant=None))
    # 1.2345 % of 100.00 is 1.2345, and 0.07 are fixed.
    assert (charges[sold].fee_minor, charges[sold].fee_plan) == (123 + 7, first)
    assert balances(caller) == {"pending": 20_000 - 320 - 130}
    assert balance("fees:earned", "usd", livemode=False) == earned - 450
    row = queries.balance_transaction(caller, str(charges[sold].balance_transaction))
    shown = serializers.balance_transaction(row)
    assert (shown["amount"], shown["fee"], shown["net"]) == (10_000, 130, 9_870)
    assert shown["fee_details"] == [
        {
            "amount": 130,
            "application": None,
            "currency": "usd",
            "description": "Processing fees",
            "type": "stripe_fee",
        }
    ]


def test_a_free_charge_has_no_fee_details_and_a_whole_fee_leaves_nothing(
    shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    plan_of(shop, {"share_millionths": 0, "currencies": ["eur"]}, {"share_millionths": 1_000_000})
    for currency in ("eur", "usd"):
        bank.script.append(Approved("auth_1", 500, available_at_once=True))
        create_charge(caller=caller, asked=NewCharge(500, currency, "tok_visa"), key=key(currency))
    rows = {row.currency: row for row in BalanceTransaction.objects.filter(merchant=shop.merchant)}
    shown = {name: serializers.balance_transaction(row) for name, row in rows.items()}
    assert (shown["eur"]["fee_details"], shown["eur"]["net"]) == ([], 500)
    assert (shown["usd"]["fee"], shown["usd"]["net"]) == (500, 0)


def test_reading_a_plan_costs_a_charge_no_query(
    shop: NewMerchant, caller: Caller, django_assert_num_queries: Any
) -> None:
    agreed.fee_plan(caller.merchant_id)
    agreed.holds_reserve(caller.merchant_id)
    with django_assert_num_queries(0):
        agreed.fee_plan(caller.merchant_id)
        agreed.holds_reserve(caller.merchant_id)


def test_a_plan_is_made_once_per_id(shop: NewMerchant) -> None:
    made = [
        set_fee_plan(shop.merchant, [STANDARD], made_by="a", reason="b", public_id="fp_once")
        for _ in range(2)
    ]
    assert made[0].pk == made[1].pk


WRITE = """
    INSERT INTO payments_feeplan (public_id, merchant_id, version, home_country, rules, made_by, reason)
    VALUES ('fp_' || md5(random()::text), %s, %s, '', %s::jsonb, 'raw', 'raw')
"""


@pytest.mark.parametrize(
    ("version", "rules", "said"),
    [
        (2, [STANDARD], "does not follow"),
        (1, [], "has no rules"),
        (1, [{"fixed_minor": 30}], "is no price"),
        (1, [{"share_millionths": 1_000_001}], "is no price"),
        (1, [{"share_millionths": 1, "fixed_minor": -1}], "is no price"),
        (1, [{"share_millionths": 1, "minimum_minor": 9, "maximum_minor": 8}], "is no price"),
        (1, [{"share_millionths": 1, "currencies": ["eur"]}], "is no price"),
        (1, [STANDARD, STANDARD], "is no price"),
    ],
)
def test_the_database_refuses_what_is_no_plan(
    books: Books, shop: NewMerchant, version: int, rules: Any, said: str
) -> None:
    with books.superuser() as raw, pytest.raises(psycopg.errors.CheckViolation, match=said):
        raw.execute(WRITE, [shop.merchant.pk, version, json.dumps(rules)])


@pytest.mark.parametrize(
    "change",
    ["UPDATE payments_feeplan SET rules = '[]'", "DELETE FROM payments_feeplan", "TRUNCATE payments_feeplan"],
)
def test_a_version_never_changes(books: Books, change: str) -> None:
    with books.superuser() as raw, pytest.raises(psycopg.errors.RestrictViolation):
        raw.execute(change)


TOLD = """
    INSERT INTO payments_timelineentry (payment_intent_id, charge_id, merchant_id, livemode, kind, charge_state)
    SELECT payment_intent_id, id, merchant_id, livemode, 'forged', 'captured' FROM payments_charge WHERE id = %s
"""
CAPTURE = """
    UPDATE payments_charge SET state = 'captured', captured_minor = 10000, fee_minor = %s, next_look_at = NULL
    WHERE id = %s
"""


def test_a_charge_keeps_its_plan_and_is_not_captured_without_its_price(
    books: Books, shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa", capture=False), key=key("c"))
    charge = Charge.objects.get(merchant=shop.merchant)
    with books.superuser() as raw:
        with pytest.raises(psycopg.errors.RestrictViolation):
            raw.execute("UPDATE payments_charge SET fee_plan_id = NULL WHERE id = %s", [charge.pk])
        for fee in (None, -1, 10_001):
            with pytest.raises(psycopg.errors.CheckViolation, match="without its price"), raw.transaction():
                raw.execute(TOLD, [charge.pk])
                raw.execute(CAPTURE, [fee, charge.pk])


def test_the_command_makes_a_version_and_shows_it_in_words(shop: NewMerchant, tmp_path: Path) -> None:
    said = StringIO()
    file = tmp_path / "plan.json"
    file.write_text('[{"share_millionths": 12345, "currencies": ["eur"]}, {"share_millionths": 29000}]')
    name = shop.merchant.public_id
    call_command("fee_plan", name, "--file", str(file), "--reason", "Agreed.", stdout=said)
    call_command("fee_plan", name, stdout=said)
    assert said.getvalue().count("EUR: 1.2345 %\n  all other payments: 2.9 %\n") == 2
    assert FeePlan.objects.get(merchant=shop.merchant).reason == "Agreed."
    file.write_text("[{]")
    for arguments, wrong in (
        ([name, "--file", str(file)], "--reason"),
        ([name, "--file", str(file), "--reason", "x"], "can't be read"),
        (["acct_none"], "No such merchant"),
    ):
        with pytest.raises(CommandError, match=wrong):
            call_command("fee_plan", *arguments)
