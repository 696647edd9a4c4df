"""What is held back: a share of each sale for some days, and what payouts must leave; refunds end where a merchant's
debt does, and disputes never do."""

from typing import Any

import psycopg
import pytest

from merchants.auth import Caller
from merchants.services import NewMerchant
from payments import agreed, queries, serializers
from payments.attempts import Actor
from payments.errors import BalanceInsufficient, PayoutExceedsBalance, RefundExceedsDebt
from payments.models import BalanceTransaction, Charge, Payout, Refund, Terms
from payments.services.disputes import book_report
from payments.services.payout_schedule import schedule_payouts
from payments.services.resume import resume_operation
from processors.protocol import Approved, DisputeReport, Unknown
from tests.conftest import Books
from tests.payments.balances import balances
from tests.payments.test_available import days_pass, refund, sale, shown
from tests.payments.test_payouts import bank_account, pay_out, racing
from tests.support.scripted import ScriptedBank


def agree(shop: NewMerchant, **terms: Any) -> None:
    Terms.objects.update_or_create(merchant=shop.merchant, defaults=terms)
    agreed.forget()


def test_a_share_of_each_sale_is_held_for_its_days_and_paid_out_by_nobody(
    books: Books, shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    agree(shop, reserve_basis_points=1_000, reserve_days=30)
    bank_account(shop)
    charge = sale(caller, key)
    days_pass(books, caller)
    assert balances(caller) == {"available": 8_680, "reserved": 1_000}
    assert shown(caller) == {"available": 8_680, "pending": 1_000}
    hold, release = BalanceTransaction.objects.filter(
        merchant=shop.merchant, type__startswith="reserve"
    ).order_by("pk")
    said = [serializers.balance_transaction(row) for row in (hold, release)]
    assert [(each["type"], each["net"], each["status"], each["balance_type"]) for each in said] == [
        ("reserve_hold", -1_000, "available", "payments"),
        ("reserve_release", 1_000, "pending", "risk_reserved"),
    ]
    assert {each["source"] for each in said} == {charge}
    assert (release.available_on - hold.available_on).days == 30
    with pytest.raises(PayoutExceedsBalance):
        pay_out(caller, key, 8_681, "too-much")
    pay_out(caller, key, 8_680, "all")
    days_pass(books, caller, 28)
    assert balances(caller) == {"reserved": 1_000}
    days_pass(books, caller, 3)
    assert shown(caller) == balances(caller) == {"available": 1_000}


def test_what_was_given_back_needs_no_reserve_and_what_is_paid_at_once_waits_for_it(
    books: Books, shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    agree(shop, reserve_basis_points=5_000)
    refund(caller, key, sale(caller, key, "back"), 10_000)
    days_pass(books, caller)
    assert shown(caller) == balances(caller) == {"available": -320}
    bank.script.append(Approved("auth_1", 10_000, available_at_once=True))
    sale(caller, key, "at-once")
    assert balances(caller) == {"available": -320, "pending": 9_680}
    days_pass(books, caller, 0)
    assert balances(caller) == {"available": 9_680 - 5_000 - 320, "reserved": 5_000}


def test_a_fixed_reserve_stays_whoever_pays_out(
    books: Books, shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    agree(shop, reserve_fixed_minor=2_000, payout_interval="daily")
    bank_account(shop)
    sale(caller, key)
    days_pass(books, caller)
    with pytest.raises(PayoutExceedsBalance) as raised:
        pay_out(caller, key, 7_681)
    assert "76.80 USD can be paid out" in raised.value.message
    assert "20.00 USD are held in reserve" in raised.value.message
    assert schedule_payouts() == 1
    assert Payout.objects.get(merchant=shop.merchant).amount_minor == 7_680
    assert shown(caller) == balances(caller) == {"available": 2_000}
    agree(shop, reserve_fixed_minor=0)
    pay_out(caller, key, 2_000, "rest")


def test_refunds_end_where_the_merchants_debt_does_and_disputes_do_not(
    books: Books, shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    agree(shop, debt_limit_minor=1_000)
    bank_account(shop)
    charge = sale(caller, key)
    days_pass(books, caller)
    pay_out(caller, key, 9_680)
    with pytest.raises(RefundExceedsDebt) as raised:
        refund(caller, key, charge, 1_001)
    assert (raised.value.wire_code, raised.value.param) == ("balance_insufficient", "amount")
    assert "refund of 10.01 USD: 10.00 USD can be refunded now" in raised.value.message
    assert not Refund.objects.filter(merchant=shop.merchant).exists()
    assert refund(caller, key, charge, 1_000, "within")["status"] == "succeeded"
    assert shown(caller) == balances(caller) == {"available": -1_000}
    agree(shop, debt_limit_minor=None)
    assert refund(caller, key, charge, 1_000, "unlimited")["status"] == "succeeded"
    agree(shop, debt_limit_minor=0)
    with pytest.raises(RefundExceedsDebt, match=r"0\.00 USD can be refunded now"):
        refund(caller, key, charge, 1, "none")
    report = DisputeReport("dp_1", "needs_response", 5_000, "usd", "fraudulent")
    book_report(Charge.objects.get(public_id=charge).pk, report, Actor("test"))
    assert shown(caller) == balances(caller) == {"available": -2_000 - 5_000 - 1_500}


def test_a_refund_that_is_declined_is_given_back_whatever_the_limit_says_meanwhile(
    shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    agree(shop, debt_limit_minor=320)
    charge = sale(caller, key)
    bank.script.append(Unknown("no answer"))
    refund(caller, key, charge, 10_000)
    assert balances(caller) == {"pending": -320}
    agree(shop, debt_limit_minor=0)
    operation = Refund.objects.get(merchant=shop.merchant).operations.get()
    resume_operation(operation.public_id, Actor("test"))
    assert Refund.objects.get(merchant=shop.merchant).state == "succeeded"


def test_two_refunds_from_two_threads_stay_within_the_debt(
    books: Books, shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    agree(shop, debt_limit_minor=1_000)
    bank_account(shop)
    charges = [sale(caller, key, name) for name in ("a", "b")]
    days_pass(books, caller)
    pay_out(caller, key, 2 * 9_680)
    done = racing(*(lambda charge=charge: refund(caller, key, charge, 600, charge) for charge in charges))
    assert sorted(done) == [False, True]
    assert shown(caller) == balances(caller) == {"available": -600}


def test_the_database_refuses_a_refund_that_passes_the_limit_by(
    books: Books,
    shop: NewMerchant,
    caller: Caller,
    bank: ScriptedBank,
    key: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agree(shop, debt_limit_minor=0)
    charge = sale(caller, key)
    monkeypatch.setattr("payments.services.terms.set_limit", lambda *_, **__: None)
    with pytest.raises(Exception, match="not booked within the debt"):
        refund(caller, key, charge, 10_000)
    assert balances(caller) == {"pending": 9_680}
    with books.superuser() as raw, pytest.raises(psycopg.errors.CheckViolation):
        raw.execute("UPDATE payments_terms SET reserve_basis_points = 10001")


def test_a_refund_beyond_the_debt_is_an_error_of_the_wire(
    shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    agree(shop, debt_limit_minor=0)
    charge = sale(caller, key)
    with pytest.raises(BalanceInsufficient) as raised:
        refund(caller, key, charge, 10_000)
    assert raised.value.body()["error"]["code"] == "balance_insufficient"
    assert queries.refunded_minor(Charge.objects.get(public_id=charge)) == 0
