"""Refunds never exceed the capture, whoever races whom."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from core.errors import InvalidRequest
from merchants.auth import Caller
from payments.errors import RefundRefused
from payments.models import Charge, Refund
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from processors.protocol import Declined
from tests.conftest import Books
from tests.payments.test_guards import REFUND
from tests.support.scripted import ScriptedBank


@pytest.fixture
def charge(caller: Caller, bank: ScriptedBank, key: Any) -> str:
    answer = create_charge(caller=caller, asked=NewCharge(100, "usd", "tok_visa"), key=key("c"))
    return str(json.loads(answer.body)["id"])


def test_two_refunds_of_60_on_100_from_two_threads(caller: Caller, charge: str, key: Any) -> None:
    gate = threading.Barrier(2)

    def ask(name: str) -> bool:
        gate.wait()
        try:
            create_refund(caller=caller, asked=NewRefund(charge=charge, amount_minor=60), key=key(name))
        except RefundRefused:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, ["a", "b"])) == [False, True]
    assert [row.amount_minor for row in Refund.objects.filter(charge__public_id=charge)] == [60]


def test_two_refunds_of_60_on_100_by_raw_sql(books: Books, charge: str) -> None:
    """Two transactions at once; the second waits for the first, and is refused when that commits."""
    pk = Charge.objects.get(public_id=charge).pk
    outcomes: list[str] = []

    def second() -> None:
        with books.superuser() as connection:
            try:
                connection.execute("BEGIN")
                connection.execute(REFUND, [60, "usd", pk])
                outcomes.append("accepted")
            except psycopg.errors.CheckViolation:
                outcomes.append("refused")
            connection.execute("ROLLBACK")

    with books.superuser() as first:
        # The guard of the timeline is another one; here only the bound is tried.
        first.execute("SET session_replication_role = origin")
        first.execute("BEGIN")
        first.execute(REFUND, [60, "usd", pk])
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "the second must wait for the first"
        first.execute(
            "INSERT INTO payments_timelineentry (payment_intent_id, merchant_id, livemode, kind, refund_id, "
            "refund_state) SELECT payment_intent_id, merchant_id, livemode, 'test', id, 'pending' "
            "FROM payments_refund WHERE charge_id = %s",
            [pk],
        )
        first.execute("COMMIT")
        thread.join()
    assert outcomes == ["refused"]


@pytest.mark.parametrize("amount_minor", [0, -60, 101])
def test_impossible_amounts_are_refused(caller: Caller, charge: str, key: Any, amount_minor: int) -> None:
    with pytest.raises(InvalidRequest) as raised:
        create_refund(caller=caller, asked=NewRefund(charge=charge, amount_minor=amount_minor), key=key("r"))
    assert raised.value.param == "amount"
    assert not Refund.objects.filter(charge__public_id=charge).exists()


def test_a_declined_refund_gives_the_merchant_the_money_back(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    bank.script.append(Declined("not_allowed"))
    answer = create_refund(caller=caller, asked=NewRefund(charge=charge), key=key("r"))
    assert json.loads(answer.body)["status"] == "failed"
    again = create_refund(caller=caller, asked=NewRefund(charge=charge), key=key("r2"))
    assert json.loads(again.body)["status"] == "succeeded"


def test_another_merchants_charge_does_not_exist(books: Books, bank: ScriptedBank, charge: str) -> None:
    from idempotency.keys import Key
    from merchants.auth import caller_of
    from merchants.services import create_merchant

    other = caller_of(f"Bearer {create_merchant('Other').keys['sk_test']}")
    with pytest.raises(InvalidRequest) as raised:
        create_refund(
            caller=other,
            asked=NewRefund(charge=charge),
            key=Key(other.merchant_id, False, "r", "f", "req_r"),
        )
    assert raised.value.wire_code == "resource_missing"
