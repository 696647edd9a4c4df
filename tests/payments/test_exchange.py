"""Currencies are exchanged by two bookings: exact, once, within what is available, and rounding is booked."""

from fractions import Fraction
from io import StringIO
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
from payments import queries, serializers
from payments.errors import ExchangeExceedsBalance
from payments.models import BalanceTransaction, Exchange, Terms
from payments.rates import exchanged, rate
from payments.services.charge import NewCharge, create_charge
from payments.services.exchange import NewExchange, exchange
from processors.protocol import Approved
from tests.conftest import Books
from tests.payments.test_payouts import racing
from tests.support.scripted import ScriptedBank


@pytest.mark.parametrize(
    ("sold", "bought", "quoted", "sold_minor", "amount_minor", "rounding_minor"),
    [
        ("eur", "usd", "1.0837", 10_000, 10_837, 0),
        ("eur", "usd", "1.0837", 1, 1, 0),
        ("eur", "jpy", "161.27", 99, 159, 1),
        ("jpy", "eur", "0.0062", 161, 99, 1),
        ("jpy", "kwd", "0.00203", 1_000, 2_030, 0),
        ("kwd", "jpy", "492.6", 1_234, 607, 1),
        ("usd", "kwd", "0.3075", 333, 1_023, 1),
    ],
)
def test_what_is_bought_is_exact_and_rounded_down(
    sold: str, bought: str, quoted: str, sold_minor: int, amount_minor: int, rounding_minor: int
) -> None:
    made = exchanged(sold_minor, rate(quoted, sold=sold, bought=bought))
    assert (made.amount_minor, made.rounding_minor) == (amount_minor, rounding_minor)


@given(st.integers(1, 10**11), st.decimals("0.00000001", "9999999", places=8))
def test_the_position_gives_what_is_nearest(sold_minor: int, quoted: Any) -> None:
    at = rate(f"{quoted:f}", sold="usd", bought="kwd")
    made = exchanged(sold_minor, at)
    exact = Fraction(sold_minor) * Fraction(str(quoted)) * 10
    assert 0 <= exact - made.amount_minor < 1
    assert abs(made.amount_minor + made.rounding_minor - exact) <= Fraction(1, 2)
    assert max(at.numerator, at.denominator) < 2**63


@pytest.mark.parametrize("quoted", ["0", "-1", "1,2", "1e3", "", "nan", "1.123456789", "12345678"])
def test_what_is_no_rate_is_named(quoted: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a rate") as raised:
        rate(quoted, sold="eur", bought="usd")
    assert raised.value.param == "rate"


@pytest.fixture
def rich(caller: Caller, bank: ScriptedBank, key: Any) -> Caller:
    """96.80 USD are available."""
    bank.script.append(Approved("auth_1", 10_000, available_at_once=True))
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    return caller


def sell(shop: NewMerchant, sold_minor: int, reference: str = "one", quoted: str = "161.27") -> Exchange:
    asked = NewExchange(
        sold_minor=sold_minor, sold_currency="usd", bought_currency="jpy", rate=quoted, reference=reference
    )
    return exchange(shop.merchant, asked, livemode=False, made_by="test")


def has(caller: Caller) -> dict[str, int]:
    found = queries.balance(caller.merchant_id, livemode=False)
    rows = BalanceTransaction.objects.filter(merchant_id=caller.merchant_id)
    for each in found:
        net = sum(row.net_minor for row in rows if row.currency == each.currency)
        assert each.available_minor + each.pending_minor == net
    return {each.currency: each.available_minor for each in found}


def test_an_exchange_is_two_bookings_with_the_rate_and_its_rounding_once(
    shop: NewMerchant, rich: Caller
) -> None:
    before = {name: balance("exchange:position", name, livemode=False) for name in ("usd", "jpy")}
    rounded = balance("exchange:rounding", "jpy", livemode=False)
    made = sell(shop, 99)
    assert sell(shop, 99).pk == made.pk
    assert has(rich) == {"usd": 9_680 - 99, "jpy": 159}
    assert balance("exchange:position", "usd", livemode=False) == before["usd"] - 99
    assert balance("exchange:position", "jpy", livemode=False) == before["jpy"] + 160
    assert balance("exchange:rounding", "jpy", livemode=False) == rounded - 1
    assert (made.rate, made.rate_numerator, made.rate_denominator) == ("161.27", 16_127, 10_000)
    rows = BalanceTransaction.objects.filter(source=made.public_id).order_by("pk")
    shown = [serializers.balance_transaction(row) for row in rows]
    assert [(each["currency"], each["net"], each["exchange_rate"], each["status"]) for each in shown] == [
        ("usd", -99, 161.27, "available"),
        ("jpy", 159, 161.27, "available"),
    ]
    with pytest.raises(InvalidRequest, match="Reference one is taken by fx_") as raised:
        sell(shop, 100)
    assert raised.value.param == "reference"


def test_nobody_sells_more_than_could_be_paid_out_from_two_threads_either(
    shop: NewMerchant, rich: Caller
) -> None:
    Terms.objects.create(merchant=shop.merchant, reserve_fixed_minor=680)
    with pytest.raises(ExchangeExceedsBalance, match=r"90\.00 USD are available") as raised:
        sell(shop, 9_001)
    assert raised.value.wire_code == "balance_insufficient"
    with pytest.raises(InvalidRequest, match="buy nothing"):
        sell(shop, 1, quoted="0.1")
    done = racing(lambda: sell(shop, 9_000, "a"), lambda: sell(shop, 9_000, "b"))
    assert sorted(done) == [False, True]
    assert has(rich)["usd"] == 680


FORGED = """
    INSERT INTO payments_exchange (public_id, merchant_id, livemode, reference, sold_minor, sold_currency,
        bought_minor, bought_currency, rate, rate_numerator, rate_denominator, rounding_minor, made_by)
    VALUES ('fx_forged', %(merchant)s, false, 'forged', 99, 'usd', %(bought)s, 'jpy', '161.27', 16127, 10000,
        %(rounding)s, 'raw')
"""


@pytest.mark.parametrize(
    ("bought", "rounding", "said"),
    [(159, 1, "is not booked against"), (160, 0, "gives 160"), (158, 1, "gives 158"), (159, 0, "gives 159")],
)
def test_the_database_refuses_an_exchange_without_its_bookings_or_at_another_rate(
    books: Books, shop: NewMerchant, rich: Caller, bought: int, rounding: int, said: str
) -> None:
    given = {"merchant": shop.merchant.pk, "bought": bought, "rounding": rounding}
    with books.superuser() as raw:
        with pytest.raises(psycopg.errors.CheckViolation, match=said):
            raw.execute(FORGED, given)
        sell(shop, 99)
        with pytest.raises(psycopg.errors.RestrictViolation):
            raw.execute("UPDATE payments_exchange SET rate = '162'")


def test_the_command_exchanges_once_and_names_what_is_wrong(shop: NewMerchant, rich: Caller) -> None:
    out = StringIO()
    given = [shop.merchant.public_id, "10.00", "USD", "JPY", "--rate", "161.27", "--reference", "monday"]
    for _ in range(2):
        call_command("exchange", *given, stdout=out)
    assert out.getvalue().count("sold 10.00 USD for 1,612 JPY at 161.27") == 2
    assert has(rich) == {"usd": 8_680, "jpy": 1_612}
    for place, wrong, said in (
        (0, "acct_none", "No such merchant"),
        (1, "1.001", "not an amount of USD"),
        (3, "USD", "can't be exchanged for itself"),
        (5, "x", "is not a rate"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("exchange", *given[:place], wrong, *given[place + 1 :])
    assert has(rich) == {"usd": 8_680, "jpy": 1_612}
