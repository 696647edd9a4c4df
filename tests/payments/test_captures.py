"""An authorization holds money; a capture takes it, all or part, once."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from core.errors import InvalidRequest
from merchants.auth import Caller
from payments.attempts import Actor
from payments.errors import CallInProgress, CaptureRefused, ChargeAlreadyCaptured
from payments.models import Charge, Operation, TimelineEntry
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from payments.services.resume import resume_operation
from processors.protocol import Declined, NotSent, Unknown
from tests.payments.balances import balances
from tests.support.scripted import ScriptedBank


@pytest.fixture
def charge(caller: Caller, bank: ScriptedBank, key: Any) -> str:
    """100.00 USD, authorized."""
    asked = NewCharge(10_000, "usd", "tok_visa", capture=False)
    shown = json.loads(create_charge(caller=caller, asked=asked, key=key("c")).body)
    assert (shown["status"], shown["captured"], shown["balance_transaction"]) == ("succeeded", False, None)
    return str(shown["id"])


def test_an_authorization_moves_no_money_and_a_capture_does(caller: Caller, charge: str, key: Any) -> None:
    assert balances(caller) == {}
    answer = capture_charge(caller=caller, charge=charge, amount_minor=None, key=key("x"))
    shown = json.loads(answer.body)
    assert (shown["captured"], shown["amount_captured"]) == (True, 10_000)
    assert shown["balance_transaction"].startswith("txn_")
    assert balances(caller) == {"pending": 10_000 - 320}
    told = (
        TimelineEntry.objects.filter(charge__public_id=charge).order_by("pk").values_list("kind", flat=True)
    )
    assert list(told) == ["charge.started", "charge.authorized", "capture.started", "charge.captured"]


def test_part_of_it_can_be_captured_and_then_refunded(caller: Caller, charge: str, key: Any) -> None:
    shown = json.loads(capture_charge(caller=caller, charge=charge, amount_minor=6_000, key=key("x")).body)
    assert (shown["amount"], shown["amount_captured"]) == (10_000, 6_000)
    assert balances(caller) == {"pending": 6_000 - 204}
    with pytest.raises(InvalidRequest):
        create_refund(caller=caller, asked=NewRefund(charge=charge, amount_minor=6_001), key=key("r"))
    create_refund(caller=caller, asked=NewRefund(charge=charge), key=key("r2"))
    assert balances(caller) == {"pending": -204}


@pytest.mark.parametrize("amount_minor", [0, -1, 10_001])
def test_what_is_not_held_can_not_be_captured(
    caller: Caller, charge: str, key: Any, amount_minor: int
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        capture_charge(caller=caller, charge=charge, amount_minor=amount_minor, key=key("x"))
    assert raised.value.param == "amount"
    assert Operation.objects.filter(charge__public_id=charge).count() == 1


def test_a_charge_is_captured_once_by_however_many_keys(caller: Caller, charge: str, key: Any) -> None:
    gate = threading.Barrier(4)

    def ask(name: str) -> str:
        gate.wait()
        try:
            capture_charge(caller=caller, charge=charge, amount_minor=None, key=key(name))
            return "captured"
        except (ChargeAlreadyCaptured, CallInProgress):
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, ["k1", "k2", "k3", "k4"])) == [
            "captured",
            "refused",
            "refused",
            "refused",
        ]
    assert balances(caller) == {"pending": 10_000 - 320}


def test_an_unknown_capture_is_looked_after_and_no_second_one_starts(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    bank.script += [Unknown("no answer")]
    answer = capture_charge(caller=caller, charge=charge, amount_minor=None, key=key("x"))
    assert (answer.final, json.loads(answer.body)["captured"]) == (False, False)
    with pytest.raises(CallInProgress):
        capture_charge(caller=caller, charge=charge, amount_minor=None, key=key("y"))
    operation = Operation.objects.get(charge__public_id=charge, kind="capture")
    resume_operation(operation.public_id, Actor("sweeper"))
    assert Charge.objects.get(public_id=charge).state == "captured"
    again = capture_charge(caller=caller, charge=charge, amount_minor=None, key=key("x"))
    assert (again.replayed, json.loads(again.body)["captured"]) == (True, True)


def test_a_capture_that_never_left_is_sent_again(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    bank.script += [NotSent("no connection")]
    capture_charge(caller=caller, charge=charge, amount_minor=None, key=key("x"))
    operation = Operation.objects.get(charge__public_id=charge, kind="capture")
    assert operation.is_open
    resume_operation(operation.public_id, Actor("sweeper"))
    assert Charge.objects.get(public_id=charge).state == "captured"


def test_a_refused_capture_leaves_the_authorization(
    caller: Caller, bank: ScriptedBank, charge: str, key: Any
) -> None:
    bank.script += [Declined("not_allowed")]
    answer = capture_charge(caller=caller, charge=charge, amount_minor=None, key=key("x"))
    assert answer.status == 400
    assert Charge.objects.get(public_id=charge).state == "authorized"
    assert balances(caller) == {}


def test_a_failed_charge_can_not_be_captured(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [Declined("generic_decline")]
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa", capture=False), key=key("c"))
    failed = Charge.objects.get(merchant_id=caller.merchant_id)
    with pytest.raises(CaptureRefused, match="only an authorized charge"):
        capture_charge(caller=caller, charge=failed.public_id, amount_minor=None, key=key("x"))
