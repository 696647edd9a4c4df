"""Money becomes available on its own date; balance transactions and the ledger say the same at every step."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from ledger.seals import seal_all
from merchants.auth import Caller
from payments import checks, queries, serializers
from payments.attempts import Actor
from payments.models import BalanceTransaction, Charge, Operation, Refund
from payments.services.available import make_available
from payments.services.charge import NewCharge, create_charge
from payments.services.finish import end_operation
from payments.services.learn import learn
from payments.services.refund import NewRefund, create_refund
from payments.services.resume import resume_operation
from processors.protocol import Approved, Declined, Failed, Unknown
from tests.conftest import Books
from tests.payments.balances import balances
from tests.support.scripted import ScriptedBank
from webhooks.models import Event


def sale(caller: Caller, key: Any, name: str = "c", amount_minor: int = 10_000) -> str:
    asked = NewCharge(amount_minor, "usd", "tok_visa")
    return str(json.loads(create_charge(caller=caller, asked=asked, key=key(name)).body)["id"])


def refund(caller: Caller, key: Any, charge: str, amount_minor: int, name: str = "r") -> Any:
    asked = NewRefund(charge=charge, amount_minor=amount_minor)
    return json.loads(create_refund(caller=caller, asked=asked, key=key(name)).body)


def days_pass(books: Books, caller: Caller, days: int = 3) -> None:
    """What beat would find then. The day of a balance transaction stays: only who has all rights can play time."""
    with books.superuser() as raw:
        raw.execute("SET session_replication_role = replica")
        raw.execute(
            "UPDATE payments_balancetransaction SET available_on = available_on - %s WHERE merchant_id = %s",
            [timedelta(days=days), caller.merchant_id],
        )
    make_available()


def shown(caller: Caller) -> dict[str, int]:
    """The balance as the API shows it; that ledger and balance transactions agree is seen to each time."""
    assert not list(checks.merchants_have_what_their_balance_transactions_say())
    body = serializers.balance(
        queries.balance(caller.merchant_id, livemode=caller.livemode), livemode=caller.livemode
    )
    rows = BalanceTransaction.objects.filter(merchant_id=caller.merchant_id)
    found = {name: sum(part["amount"] for part in body[name]) for name in ("available", "pending")}
    assert sum(found.values()) == sum(row.net_minor for row in rows)
    return {name: amount for name, amount in found.items() if amount}


def test_a_sale_becomes_available_on_its_date(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    sale(caller, key)
    make_available()
    assert shown(caller) == balances(caller) == {"pending": 9_680}
    days_pass(books, caller)
    assert shown(caller) == balances(caller) == {"available": 9_680}
    make_available()
    assert balances(caller) == {"available": 9_680}
    events = Event.objects.filter(merchant_id=caller.merchant_id, type="balance.available")
    assert [event.data["available"][0]["amount"] for event in events] == [9_680]


def test_a_refund_is_taken_from_where_its_sale_stands(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    charge = sale(caller, key)
    refund(caller, key, charge, 4_000, "r1")
    assert shown(caller) == balances(caller) == {"pending": 5_680}
    days_pass(books, caller)
    assert shown(caller) == balances(caller) == {"available": 5_680}
    refund(caller, key, charge, 1_000, "r2")
    assert shown(caller) == balances(caller) == {"available": 4_680}


def test_a_refund_that_came_back_goes_to_where_its_sale_stands(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    charge = sale(caller, key)
    refund(caller, key, charge, 4_000)
    days_pass(books, caller)
    reference = Operation.objects.get(refund__charge__public_id=charge).public_id
    bank.lookups.append(Failed("ref_1", "expired_or_canceled_card"))
    learn(reference, Actor("test"))
    assert shown(caller) == balances(caller) == {"available": 9_680}


@pytest.mark.parametrize("ends", [Approved("ref_1", 4_000), Declined("not_allowed")], ids=["yes", "no"])
def test_an_open_refund_becomes_available_with_its_sale(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any, ends: Any
) -> None:
    charge = sale(caller, key)
    bank.script.append(Unknown("no answer"))
    refund(caller, key, charge, 4_000)
    assert (shown(caller), balances(caller)) == ({"pending": 9_680}, {"pending": 5_680})
    days_pass(books, caller)
    assert (shown(caller), balances(caller)) == ({"available": 9_680}, {"available": 5_680})
    bank.script.append(ends)
    resume_operation(Operation.objects.get(refund__charge__public_id=charge).public_id, Actor("test"))
    left = 5_680 if isinstance(ends, Approved) else 9_680
    assert shown(caller) == balances(caller) == {"available": left}


def test_what_its_processor_pays_at_once_is_available_at_once(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script.append(Approved("auth_1", 10_000, available_at_once=True))
    charge = sale(caller, key)
    assert shown(caller) == balances(caller) == {"available": 9_680}
    refund(caller, key, charge, 10_000)
    assert shown(caller) == balances(caller) == {"available": -320}


def test_two_beats_move_nothing_twice(books: Books, caller: Caller, bank: ScriptedBank, key: Any) -> None:
    for number in range(8):
        sale(caller, key, f"c{number}", 1_000)
    with books.superuser() as raw:
        raw.execute("SET session_replication_role = replica")
        raw.execute("UPDATE payments_balancetransaction SET available_on = now()")
    gate = threading.Barrier(4)

    def run(_: int) -> int:
        gate.wait()
        try:
            return make_available()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        moved = sum(pool.map(run, range(4)))
    make_available()
    assert moved <= 8
    assert shown(caller) == balances(caller) == {"available": 8 * 941}


def test_a_charge_that_somebody_holds_waits_for_the_next_beat(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    charge = sale(caller, key)
    with books.superuser() as raw:
        raw.execute("BEGIN")
        raw.execute("SELECT FROM payments_charge WHERE public_id = %s FOR NO KEY UPDATE", [charge])
        days_pass(books, caller)
        assert balances(caller) == {"pending": 9_680}
        raw.execute("COMMIT")
    make_available()
    assert balances(caller) == {"available": 9_680}


@pytest.mark.parametrize(
    "change",
    ["amount_minor = 1", "fee_minor = 0", "available_on = now()", "charge_id = NULL", "type = 'refund'"],
)
def test_a_balance_transaction_stays_as_it_was_booked(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any, change: str
) -> None:
    sale(caller, key)
    with books.superuser() as raw, pytest.raises(psycopg.errors.RestrictViolation):
        raw.execute(
            f"UPDATE payments_balancetransaction SET {change} WHERE merchant_id = {caller.merchant_id}"
        )


def test_what_is_available_stays_available(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script.append(Approved("auth_1", 10_000, available_at_once=True))
    charge = sale(caller, key)
    bank.script.append(Unknown("no answer"))
    refund(caller, key, charge, 100)
    with books.superuser() as raw:
        with pytest.raises(psycopg.errors.CheckViolation, match="can not move from available to pending"):
            raw.execute(
                "UPDATE payments_balancetransaction SET state = 'pending' WHERE merchant_id = %s",
                [caller.merchant_id],
            )
        with pytest.raises(psycopg.errors.RestrictViolation):
            raw.execute(
                "UPDATE payments_refund SET from_available = false WHERE merchant_id = %s",
                [caller.merchant_id],
            )
    assert Refund.objects.get(merchant_id=caller.merchant_id).from_available


def test_the_balance_is_the_sum_of_its_transactions_when_a_lower_id_commits_later(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    """What is sealed is read from sums, what is not from its entries: nothing is counted twice or left out."""
    sale(caller, key, "first")
    seal_all()
    assert shown(caller) == {"pending": 9_680}
    bank.script.append(Unknown("no answer"))
    sale(caller, key, "slow")
    booked, sealed = threading.Event(), threading.Event()

    def end_slowly(operation: int) -> None:
        try:
            with transaction.atomic():
                end_operation(operation, Approved("auth_slow", 10_000), Actor("test"))
                booked.set()
                assert sealed.wait(30)
        finally:
            connection.close()

    slow = Operation.objects.get(merchant_id=caller.merchant_id, state=Operation.State.UNKNOWN)
    with ThreadPoolExecutor(1) as threads:
        ending = threads.submit(end_slowly, slow.pk)
        assert booked.wait(30)
        # Higher ids, visible before the lower ones.
        sale(caller, key, "later", 5_000)
        seal_all()
        seen_meanwhile = shown(caller)
        sealed.set()
        ending.result()
    assert seen_meanwhile == {"pending": 9_680 + 4_825}
    assert shown(caller) == {"pending": 2 * 9_680 + 4_825}
    seal_all()
    assert shown(caller) == balances(caller) == {"pending": 2 * 9_680 + 4_825}


COPY = """
    INSERT INTO payments_balancetransaction (public_id, merchant_id, livemode, type, source, charge_id, state,
        amount_minor, currency, available_on, ledger_reference)
    VALUES ('txn_forged', %(merchant)s, %(livemode)s, 'charge', 'ch_1', %(charge)s, %(state)s, 100, %(currency)s,
        now(), 'forged')
"""


@pytest.mark.parametrize(
    "wrong",
    [
        {"merchant": 2**40},
        {"livemode": True},
        {"currency": "eur"},
        {"charge": 2**40},
        {"charge": None},
        {"charge": None, "state": "available", "merchant": 2**40},
    ],
)
def test_a_balance_transaction_is_of_a_charge_of_its_merchant(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any, wrong: dict[str, Any]
) -> None:
    charge = Charge.objects.get(public_id=sale(caller, key)).pk
    told = {"merchant": caller.merchant_id, "livemode": False, "charge": charge, "currency": "usd"}
    with books.superuser() as raw, pytest.raises(psycopg.errors.ForeignKeyViolation):
        raw.execute(COPY, {**told, "state": "pending", **wrong})


def test_the_check_finds_what_was_moved_behind_the_ledgers_back(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    sale(caller, key)
    before = timezone.now()
    with books.superuser() as raw:
        raw.execute(
            "UPDATE payments_balancetransaction SET state = 'available' WHERE merchant_id = %s AND created_at < %s",
            [caller.merchant_id, before],
        )
    found = {finding.subject for finding in checks.merchants_have_what_their_balance_transactions_say()}
    me = f"merchant:{caller.merchant_public_id}"
    assert found == {f"{me}:pending USD", f"{me}:available USD"}
