"""Payouts: never more than is available, once, and to the account; whatever becomes of them is in the books."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection

from controls.models import Alert
from core.errors import InvalidRequest, ResourceMissing
from ledger.queries import balance
from merchants.auth import Caller, caller_of
from merchants.services import NewMerchant, create_merchant
from payments import checks
from payments.attempts import Actor
from payments.errors import BalanceInsufficient, NoBankAccount, PayoutRefused
from payments.models import BalanceTransaction, BankAccount, Operation, Payout
from payments.services.bank_accounts import name_bank_account
from payments.services.charge import NewCharge, create_charge
from payments.services.learn import learn
from payments.services.look_after_payouts import look_after_payouts
from payments.services.payout import NewPayout, cancel_payout, create_payout, describe_payout
from payments.services.refund import NewRefund, create_refund
from payments.services.resume import resume_operation
from processors.protocol import Approved, Arrived, Declined, Failed, NotSent, Outcome, Unknown
from tests.conftest import Books
from tests.payments.balances import balances
from tests.payments.test_available import shown
from tests.support.scripted import ScriptedBank
from webhooks.models import Event

TEST = Actor("test")


def bank_account(shop: NewMerchant, currency: str = "usd") -> BankAccount:
    return name_bank_account(
        shop.merchant,
        livemode=False,
        currency=currency,
        holder="A shop",
        country="US",
        routing_number="110000000",
        account_number="000123456789",
    )


@pytest.fixture
def account(shop: NewMerchant) -> BankAccount:
    return bank_account(shop)


@pytest.fixture
def charge(caller: Caller, bank: ScriptedBank, key: Any, account: BankAccount) -> str:
    """96.80 are available."""
    bank.script.append(Approved("auth_1", 10_000, available_at_once=True))
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    return str(json.loads(answer.body)["id"])


def pay_out(caller: Caller, key: Any, amount_minor: int = 5_000, name: str = "p") -> Any:
    answer = create_payout(caller=caller, asked=NewPayout(amount_minor, "usd"), key=key(name))
    return json.loads(answer.body)


def send(payout: Any) -> Operation:
    """What the sweeper does when it is time."""
    operation = Operation.objects.get(payout__public_id=payout["id"])
    resume_operation(operation.public_id, TEST)
    return Operation.objects.get(pk=operation.pk)


def hear(bank: ScriptedBank, operation: Operation, said: Outcome) -> None:
    bank.lookups.append(said)
    learn(operation.public_id, TEST)


def state(payout: Any) -> str:
    assert not list(checks.money_in_transit_is_with_its_payouts())
    return str(Payout.objects.get(public_id=payout["id"]).state)


def in_transit(payout: Any) -> int:
    row = Payout.objects.get(public_id=payout["id"])
    return sum(
        each.amount_minor
        for each in Payout.objects.filter(merchant_id=row.merchant_id, state__in=["pending", "in_transit"])
    )


def test_a_payout_leaves_the_balance_is_sent_and_arrives(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    before = balance("payouts:sent", "usd", livemode=False)
    payout = pay_out(caller, key)
    assert (payout["status"], payout["automatic"], payout["reconciliation_status"]) == (
        "pending",
        False,
        "not_applicable",
    )
    assert shown(caller) == balances(caller) == {"available": 4_680}
    assert not [what for what, _ in bank.asked if what == "pay_out"]
    operation = send(payout)
    assert (state(payout), operation.state, in_transit(payout)) == ("in_transit", "succeeded", 5_000)
    hear(bank, operation, Arrived("po_1", 5_000))
    hear(bank, operation, Arrived("po_1", 5_000))
    assert state(payout) == "paid"
    assert shown(caller) == balances(caller) == {"available": 4_680}
    assert balance("payouts:sent", "usd", livemode=False) == before - 5_000
    types = Event.objects.filter(object_id=payout["id"]).order_by("pk").values_list("type", flat=True)
    assert list(types) == ["payout.created", "payout.updated", "payout.paid"]
    (request,) = [request for what, request in bank.asked if what == "pay_out"]
    assert (request.account_number, request.amount_minor) == ("000123456789", 5_000)  # type: ignore[union-attr]


def test_a_payout_that_the_merchants_bank_returns_can_be_paid_out_anew(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    before = balance("payouts:sent", "usd", livemode=False)
    payout = pay_out(caller, key)
    operation = send(payout)
    hear(bank, operation, Arrived("po_1", 5_000))
    hear(bank, operation, Failed("po_1", "account_closed"))
    hear(bank, operation, Failed("po_1", "account_closed"))
    row = Payout.objects.get(public_id=payout["id"])
    assert (row.state, row.failure_code, row.next_look_at) == ("failed", "account_closed", None)
    assert shown(caller) == balances(caller) == {"available": 9_680}
    assert balance("payouts:sent", "usd", livemode=False) == before
    back = BalanceTransaction.objects.get(public_id=row.failure_balance_transaction)
    assert (back.type, back.net_minor, back.source) == ("payout_failure", 5_000, row.public_id)
    assert Event.objects.filter(object_id=payout["id"]).latest("pk").type == "payout.failed"


@pytest.mark.parametrize("said", [Declined("no_account"), Failed("po_1", "no_account")])
def test_a_payout_that_fails_at_once_is_back_at_once(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any, said: Outcome
) -> None:
    payout = pay_out(caller, key)
    bank.script.append(said)
    send(payout)
    assert state(payout) == "failed"
    assert shown(caller) == balances(caller) == {"available": 9_680}


@pytest.mark.parametrize("said", [Unknown("no answer"), NotSent("no connection")])
def test_an_unknown_outcome_is_no_failure_and_is_asked_for_under_the_same_reference(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any, said: Outcome
) -> None:
    payout = pay_out(caller, key)
    bank.script.append(said)
    operation = send(payout)
    assert (operation.state, state(payout)) == ("unknown", "pending")
    assert balances(caller) == {"available": 4_680}
    assert operation.next_attempt_at is not None
    send(payout)
    assert state(payout) == "in_transit"
    references = [request.reference for what, request in bank.asked if what == "pay_out"]
    assert references == [operation.public_id] * 2


def test_an_unknown_payout_is_a_person_s_after_a_day(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    payout = pay_out(caller, key)
    Operation.objects.filter(payout__public_id=payout["id"]).update(attempts=28)
    bank.script.append(Unknown("no answer"))
    assert send(payout).escalated_at is not None
    kinds = Payout.objects.get(public_id=payout["id"]).timeline.values_list("kind", flat=True)
    assert "outcome.escalated" in kinds
    alert = Alert.objects.get(kind="payout_unknown", subject=payout["id"])
    assert (alert.state, alert.amount_minor) == ("open", 5_000)
    send(payout)
    alert.refresh_from_db()
    assert (state(payout), alert.state, alert.resolved_by) == ("in_transit", "resolved", "Tollgate")


def test_another_amount_than_ours_is_no_answer(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    payout = pay_out(caller, key)
    bank.script.append(Arrived("po_1", 4_999))
    assert (send(payout).state, state(payout)) == ("unknown", "pending")
    assert Alert.objects.get(kind="payout_amount_differs", subject=payout["id"]).amount_minor == -1


def test_another_amount_that_arrives_later_is_a_person_s_to_explain(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    payout = pay_out(caller, key)
    operation = send(payout)
    hear(bank, operation, Arrived("po_1", 4_990))
    hear(bank, operation, Arrived("po_1", 4_990))
    assert state(payout) == "in_transit"
    alert = Alert.objects.get(kind="payout_amount_differs", subject=payout["id"])
    assert (alert.amount_minor, alert.currency, alert.times) == (-10, "usd", 2)
    assert "49.90 USD of" in alert.message and "we had 50.00 USD sent" in alert.message


def test_a_payout_above_what_is_available_is_refused(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    with pytest.raises(BalanceInsufficient) as raised:
        pay_out(caller, key, 9_681)
    assert (raised.value.wire_code, raised.value.param) == ("balance_insufficient", "amount")
    assert "96.80 USD" in raised.value.message
    assert pay_out(caller, key, 9_680)["status"] == "pending"
    assert balances(caller) == {}


def test_what_is_pending_can_not_be_paid_out(
    caller: Caller, bank: ScriptedBank, account: BankAccount, key: Any
) -> None:
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    with pytest.raises(BalanceInsufficient):
        pay_out(caller, key, 1)


@pytest.mark.parametrize("amount_minor", [0, -1])
def test_impossible_amounts_are_refused(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any, amount_minor: int
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        pay_out(caller, key, amount_minor)
    assert raised.value.param == "amount"


def test_there_must_be_an_account(caller: Caller, bank: ScriptedBank, charge: str, key: Any) -> None:
    with pytest.raises(NoBankAccount):
        create_payout(caller=caller, asked=NewPayout(100, "eur"), key=key("p"))
    with pytest.raises(InvalidRequest) as raised:
        create_payout(caller=caller, asked=NewPayout(100, "usd", destination="ba_other"), key=key("q"))
    assert raised.value.param == "destination"


def test_a_key_pays_out_once(caller: Caller, bank: ScriptedBank, charge: str, key: Any) -> None:
    first, again = pay_out(caller, key), pay_out(caller, key)
    assert first == again
    assert balances(caller) == {"available": 4_680}


def test_a_payout_can_be_called_back_until_a_bank_is_asked(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    payout = pay_out(caller, key)
    answer = json.loads(cancel_payout(caller=caller, payout=payout["id"], key=key("x")).body)
    assert (answer["status"], state(payout)) == ("canceled", "canceled")
    assert shown(caller) == balances(caller) == {"available": 9_680}
    back = BalanceTransaction.objects.get(public_id=answer["failure_balance_transaction"])
    assert back.type == "payout_cancel"
    with pytest.raises(PayoutRefused):
        cancel_payout(caller=caller, payout=payout["id"], key=key("y"))
    other = pay_out(caller, key, name="p2")
    Operation.objects.filter(payout__public_id=other["id"]).update(attempts=1)
    with pytest.raises(PayoutRefused):
        cancel_payout(caller=caller, payout=other["id"], key=key("z"))
    assert state(other) == "pending"


def test_its_metadata_may_change(caller: Caller, bank: ScriptedBank, charge: str, key: Any) -> None:
    payout = pay_out(caller, key)
    described = describe_payout(
        caller=caller, payout=payout["id"], metadata={"a": "b"}, clear=False, key=key("m")
    )
    assert json.loads(described.body)["metadata"] == {"a": "b"}
    assert Event.objects.filter(object_id=payout["id"]).latest("pk").type == "payout.updated"


def test_beat_asks_what_became_of_it(caller: Caller, bank: ScriptedBank, charge: str, key: Any) -> None:
    payout = pay_out(caller, key)
    operation = send(payout)
    Payout.objects.filter(public_id=payout["id"]).update(next_look_at="2020-01-01T00:00Z")
    bank.done[operation.public_id] = Arrived("po_1", 5_000)
    look_after_payouts()
    row = Payout.objects.get(public_id=payout["id"])
    assert row.state == "paid"
    assert row.next_look_at is not None


def test_another_merchants_payout_does_not_exist(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    payout = pay_out(caller, key)
    other = caller_of(f"Bearer {create_merchant('Other').keys['sk_test']}")
    with pytest.raises(ResourceMissing):
        cancel_payout(caller=other, payout=payout["id"], key=None)


def racing(*works: Any) -> list[bool]:
    gate = threading.Barrier(len(works))

    def run(work: Any) -> bool:
        gate.wait()
        try:
            work()
        except InvalidRequest:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_two_payouts_of_all_there_is_from_two_threads(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    done = racing(lambda: pay_out(caller, key, 9_680, "a"), lambda: pay_out(caller, key, 9_680, "b"))
    assert sorted(done) == [False, True]
    assert shown(caller) == balances(caller) == {}


def test_a_payout_against_a_refund_keeps_the_books(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    """The refund may come after the payout: that is a debt. The payout never takes what the refund has taken."""
    paid, refunded = racing(
        lambda: pay_out(caller, key, 9_680, "a"),
        lambda: create_refund(caller=caller, asked=NewRefund(charge=charge), key=key("r")),
    )
    assert refunded
    assert shown(caller) == balances(caller) == {"available": -320 - (9_680 if paid else 0)}


def test_a_call_back_against_the_sweeper_is_one_or_the_other(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    payout = pay_out(caller, key)

    def sweep() -> None:
        claimed = Operation.objects.filter(
            payout__public_id=payout["id"], next_attempt_at__isnull=False
        ).update(attempts=1)
        if claimed:
            send(payout)

    racing(sweep, lambda: cancel_payout(caller=caller, payout=payout["id"], key=key("x")))
    asked = [what for what, _ in bank.asked if what == "pay_out"]
    assert (state(payout), len(asked)) in [("canceled", 0), ("in_transit", 1)]


PAYOUT = """
    INSERT INTO payments_payout (public_id, merchant_id, livemode, bank_account_id, state, amount_minor, currency,
        arrival_on, balance_transaction, processor, description, statement_descriptor, failure_code, processor_id)
    SELECT 'po_forged', %(merchant)s, livemode, id, 'pending', %(amount)s, %(currency)s, now(), 'txn_x', 'sandbox',
        '', '', '', '' FROM payments_bankaccount WHERE public_id = %(account)s RETURNING id
"""
TOLD = """
    INSERT INTO payments_timelineentry (payout_id, merchant_id, livemode, kind, payout_state)
    VALUES (%s, %s, false, 'forged', 'pending')
"""


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
def test_a_payout_without_its_booking_is_refused(
    books: Books, caller: Caller, bank: ScriptedBank, charge: str, account: BankAccount, by: str
) -> None:
    told = {"merchant": caller.merchant_id, "amount": 100, "currency": "usd", "account": account.public_id}
    with (
        getattr(books, by)() as raw,
        pytest.raises(psycopg.errors.CheckViolation, match="is not booked"),
        raw.transaction(),
    ):
        (pk,) = raw.execute(PAYOUT, told).fetchone()
        raw.execute(TOLD, [pk, caller.merchant_id])


@pytest.mark.parametrize("wrong", [{"currency": "eur"}, {"merchant": 2**40}])
def test_a_payout_goes_to_an_account_of_its_merchant(
    books: Books, caller: Caller, bank: ScriptedBank, charge: str, account: BankAccount, wrong: dict[str, Any]
) -> None:
    told = {"merchant": caller.merchant_id, "amount": 100, "currency": "usd", "account": account.public_id}
    merchant = wrong.get("merchant", caller.merchant_id)
    with books.superuser() as raw, pytest.raises(psycopg.errors.ForeignKeyViolation), raw.transaction():
        raw.execute("SET LOCAL session_replication_role = origin")
        (pk,) = raw.execute(PAYOUT, told | wrong).fetchone()  # type: ignore[misc]
        raw.execute(TOLD, [pk, merchant])


def test_a_payout_without_a_timeline_row_is_refused(
    books: Books, caller: Caller, bank: ScriptedBank, charge: str, account: BankAccount
) -> None:
    told = {"merchant": caller.merchant_id, "amount": 100, "currency": "usd", "account": account.public_id}
    with books.superuser() as raw, pytest.raises(psycopg.errors.CheckViolation, match="timeline"):
        raw.execute(PAYOUT, told)


def test_a_payout_has_one_operation_that_fits(
    books: Books, caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    payout = Payout.objects.get(public_id=pay_out(caller, key)["id"])
    names = [
        str(f.column)
        for f in Operation._meta.concrete_fields
        if f.column not in ("id", "public_id", "amount_minor")
    ]
    copy = (
        f"INSERT INTO payments_operation (public_id, amount_minor, {', '.join(names)}) "
        f"SELECT 'op_forged', %s, {', '.join(names)} FROM payments_operation WHERE payout_id = %s"
    )
    with books.superuser() as raw:
        with pytest.raises(psycopg.errors.CheckViolation, match="does not fit"):
            raw.execute(copy, [1, payout.pk])
        with pytest.raises(psycopg.errors.UniqueViolation):
            raw.execute(copy, [5_000, payout.pk])


@pytest.mark.parametrize(
    "change", ["amount_minor = 1", "bank_account_id = 1", "processor = 'x'", "scheduled_on = now()"]
)
def test_what_a_payout_is_about_stays(
    books: Books, caller: Caller, bank: ScriptedBank, charge: str, key: Any, change: str
) -> None:
    payout = pay_out(caller, key)
    with books.superuser() as raw, pytest.raises(psycopg.errors.RestrictViolation):
        raw.execute(f"UPDATE payments_payout SET {change} WHERE public_id = %s", [payout["id"]])


def test_an_account_number_stays(books: Books, account: BankAccount) -> None:
    with books.superuser() as raw, pytest.raises(psycopg.errors.RestrictViolation):
        raw.execute("UPDATE payments_bankaccount SET account_number = 'GB99' WHERE id = %s", [account.pk])


@pytest.mark.parametrize(
    ("currency", "amount_minor", "net_minor"),
    [("jpy", 10_000, 9_680), ("usd", 10_000, 9_680), ("kwd", 100_000, 97_070)],
)
def test_currencies_of_0_2_and_3_decimals_from_charge_to_payout(
    shop: NewMerchant,
    caller: Caller,
    bank: ScriptedBank,
    key: Any,
    currency: str,
    amount_minor: int,
    net_minor: int,
) -> None:
    bank_account(shop, currency)
    bank.script.append(Approved("auth_1", amount_minor, available_at_once=True))
    made = create_charge(caller=caller, asked=NewCharge(amount_minor, currency, "tok_visa"), key=key("c"))
    assert balances(caller) == {"available": net_minor}
    asked = NewRefund(charge=json.loads(made.body)["id"], amount_minor=70)
    create_refund(caller=caller, asked=asked, key=key("r"))
    payout = create_payout(caller=caller, asked=NewPayout(net_minor - 70, currency), key=key("p"))
    operation = send(json.loads(payout.body))
    hear(bank, operation, Arrived("po_1", net_minor - 70))
    assert state(json.loads(payout.body)) == "paid"
    assert shown(caller) == balances(caller) == {}
