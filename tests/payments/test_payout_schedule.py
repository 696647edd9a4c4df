"""Payouts on schedule: of all that is available, once a day, on the days that were agreed."""

from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from merchants.auth import Caller
from merchants.services import NewMerchant
from payments.models import BalanceTransaction, Payout, Terms
from payments.services.charge import NewCharge, create_charge
from payments.services.payout_schedule import is_due, schedule_payouts
from processors.protocol import Approved
from tests.payments.balances import balances
from tests.payments.test_available import shown
from tests.payments.test_payouts import bank_account, racing
from tests.support.scripted import ScriptedBank

MONDAY, LAST_OF_FEBRUARY = date(2026, 11, 23), date(2026, 2, 28)


def earn(shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any, name: str = "c") -> None:
    bank.script.append(Approved("auth_1", 10_000, available_at_once=True))
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key(name))


@pytest.fixture
def daily(shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank_account(shop)
    call_command("payout_schedule", shop.merchant.public_id, "daily", "--minimum", "1000")
    earn(shop, caller, bank, key)


def test_all_that_is_available_is_paid_out_once_a_day(
    daily: None, shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    racing(schedule_payouts, schedule_payouts)
    payout = Payout.objects.get(merchant=shop.merchant)
    assert (payout.amount_minor, payout.automatic) == (9_680, True)
    assert shown(caller) == balances(caller) == {}
    paid = BalanceTransaction.objects.filter(payout=payout)
    assert sorted(row.net_minor for row in paid) == [-9_680, 9_680]
    earn(shop, caller, bank, key, "c2")
    schedule_payouts()
    assert Payout.objects.filter(merchant=shop.merchant).count() == 1
    with pytest.raises(IntegrityError):
        Payout.objects.create(
            **{
                name: getattr(payout, name)
                for name in (
                    "merchant_id livemode bank_account_id amount_minor currency scheduled_on arrival_on "
                    "balance_transaction processor"
                ).split()
            }
        )


def test_less_than_the_minimum_waits(daily: None, shop: NewMerchant) -> None:
    Terms.objects.filter(merchant=shop.merchant).update(payout_minimum_minor=9_681)
    schedule_payouts()
    assert not Payout.objects.filter(merchant=shop.merchant).exists()


@pytest.mark.parametrize(
    ("terms", "day", "due"),
    [
        (Terms(payout_interval="manual"), MONDAY, False),
        (Terms(payout_interval="daily"), MONDAY, True),
        (Terms(payout_interval="weekly", payout_weekday=0), MONDAY, True),
        (Terms(payout_interval="weekly", payout_weekday=1), MONDAY, False),
        (Terms(payout_interval="monthly", payout_day=31), LAST_OF_FEBRUARY, True),
        (Terms(payout_interval="monthly", payout_day=27), LAST_OF_FEBRUARY, False),
    ],
)
def test_the_days_are_as_agreed(terms: Terms, day: date, due: bool) -> None:
    assert is_due(terms, day) is due


def test_a_schedule_is_for_a_merchant_who_exists(shop: NewMerchant) -> None:
    with pytest.raises(CommandError, match="No such merchant: acct_nobody"):
        call_command("payout_schedule", "acct_nobody", "daily")
