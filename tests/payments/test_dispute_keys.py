"""What is said to a dispute under a key is said once, whoever vanishes: the order has one reference, and the
key one answer."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.db import release_connection
from core.processes import me
from idempotency.errors import KeyInUse, KeyReused
from idempotency.keys import Answer, Key
from idempotency.models import Claim
from merchants.auth import Caller
from payments import routing
from payments.attempts import Actor
from payments.models import Charge, Dispute
from payments.services import answer_dispute
from payments.services.answer_dispute import Response, accept, look_after_disputes, respond
from payments.services.charge import NewCharge, create_charge
from payments.services.disputes import learn_disputes
from processors.protocol import Unknown
from tests.support.disputing import DisputingBank
from tests.support.scripted import ScriptedVault

MERCHANT = Actor("sk_test")
SUBMISSION = Response(evidence={"customer_name": "Ada"}, submit=True)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> DisputingBank:
    disputing = DisputingBank()
    adapters: dict[str, Any] = {"sandbox": disputing}
    monkeypatch.setattr(routing, "processor", adapters.__getitem__)
    monkeypatch.setattr(routing, "vault", ScriptedVault)
    return disputing


@pytest.fixture
def dispute(caller: Caller, bank: DisputingBank, key: Any) -> Dispute:
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    charge = Charge.objects.get(public_id=json.loads(answer.body)["id"])
    report = bank.dispute(charge.processor_id)
    assert learn_disputes(charge, Actor("notification:sandbox"))
    return Dispute.objects.get(processor_id=report.processor_id)


def submitted(dispute: Dispute, key: Key) -> Answer:
    return respond(dispute.pk, SUBMISSION, MERCHANT, key=key)


def check_replay(dispute: Dispute, key: Key, first: Answer) -> None:
    again = submitted(dispute, key)
    assert (again.status, again.body, again.replayed, again.final) == (200, first.body, True, True)
    assert json.loads(again.body)["status"] == "under_review"


def references(bank: DisputingBank) -> set[str]:
    return {order.reference for _, order in bank.orders}


def test_twenty_at_once_under_one_key_send_one_order(dispute: Dispute, bank: DisputingBank, key: Any) -> None:
    one = key("d")

    def ask(_: int) -> str:
        try:
            return submitted(dispute, one).body
        except KeyInUse:
            return ""
        finally:
            release_connection()

    with ThreadPoolExecutor(20) as pool:
        bodies = set(pool.map(ask, range(20))) - {""}
    assert len(bodies) == len(bank.orders) == 1
    check_replay(dispute, one, Answer(200, bodies.pop()))


def test_an_unheard_order_is_sent_again_under_its_own_reference(
    dispute: Dispute, bank: DisputingBank, key: Any
) -> None:
    bank.answers = [Unknown("no answer")]
    waiting = submitted(dispute, key("d"))
    assert (json.loads(waiting.body)["status"], waiting.final) == ("needs_response", False)
    told = submitted(dispute, key("d"))
    assert (told.final, told.replayed, len(references(bank))) == (True, False, 1)
    check_replay(dispute, key("d"), told)


def test_a_client_that_never_comes_back_finds_its_answer_days_later(
    dispute: Dispute, bank: DisputingBank, key: Any
) -> None:
    bank.answers = [Unknown("no answer")]
    submitted(dispute, key("d"))
    Dispute.objects.filter(pk=dispute.pk).update(next_look_at="2020-01-01T00:00Z")
    assert look_after_disputes()
    claim = Claim.objects.get(key=key("d").text, merchant_id=dispute.merchant_id)
    assert claim.answered_at is not None and claim.body is not None
    check_replay(dispute, key("d"), Answer(200, claim.body))


def test_whoever_died_before_sending_is_taken_over(
    dispute: Dispute, bank: DisputingBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise RuntimeError

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(answer_dispute, "after_words", die)
        submitted(dispute, key("d"))
    dead = "/".join([*me().split("/")[:-2], "4194304", "1"])
    Claim.objects.filter(key=key("d").text, merchant_id=dispute.merchant_id).update(owner=dead)
    assert not bank.orders
    told = submitted(dispute, key("d"))
    assert len(bank.orders) == 1
    check_replay(dispute, key("d"), told)


def test_giving_in_is_answered_once_and_another_request_is_refused(
    dispute: Dispute, bank: DisputingBank, key: Any
) -> None:
    first = accept(dispute.pk, MERCHANT, key=key("d"))
    again = accept(dispute.pk, MERCHANT, key=key("d"))
    assert (again.body, again.replayed, json.loads(first.body)["status"]) == (first.body, True, "lost")
    with pytest.raises(KeyReused):
        accept(dispute.pk, MERCHANT, key=Key(dispute.merchant_id, False, key("d").text, "other", "req_2"))
    assert len(bank.orders) == 1
