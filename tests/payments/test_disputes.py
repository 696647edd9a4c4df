"""Disputes as a merchant's statement shows them: step, then balances."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controls.models import Alert
from core.db import release_connection
from ledger.queries import trial_balance
from merchants.auth import Caller
from payments import routing
from payments.attempts import Actor
from payments.errors import ChargeDisputed, DisputeClosed, DisputeRefused, RefundRefused
from payments.evidence import MOST_TEXT
from payments.models import BalanceTransaction, Charge, Dispute, Refund, TimelineEntry
from payments.services.answer_dispute import Response, accept, look_after_disputes, respond
from payments.services.charge import NewCharge, create_charge
from payments.services.disputes import WAYS, learn_disputes
from payments.services.refund import NewRefund, create_refund
from processors.protocol import Declined, DisputeState, Unknown
from tests.conftest import Books
from tests.payments.balances import balances
from tests.support.disputing import DisputingBank
from tests.support.scripted import ScriptedVault
from webhooks.models import Event

STAFF = Actor("staff:ada")
NET = 10_000 - 320


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> DisputingBank:
    disputing = DisputingBank()
    adapters: dict[str, Any] = {"sandbox": disputing}
    monkeypatch.setattr(routing, "processor", adapters.__getitem__)
    monkeypatch.setattr(routing, "vault", ScriptedVault)
    return disputing


@pytest.fixture
def charge(caller: Caller, bank: DisputingBank, key: Any) -> Charge:
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    return Charge.objects.get(public_id=json.loads(answer.body)["id"])


def disputed(
    bank: DisputingBank, charge: Charge, state: DisputeState = "needs_response", **more: Any
) -> Dispute:
    report = bank.dispute(charge.processor_id, state, **more)
    assert learn_disputes(charge, Actor("notification:sandbox"))
    return Dispute.objects.get(processor_id=report.processor_id)


def learn(bank: DisputingBank, dispute: Dispute, state: DisputeState) -> Dispute:
    bank.set(dispute.processor_id, state)
    learn_disputes(dispute.charge, Actor("notification:sandbox"))
    return Dispute.objects.get(pk=dispute.pk)


def refund(caller: Caller, charge: Charge, key: Any, name: str = "r", amount: int | None = None) -> Any:
    asked = NewRefund(charge=charge.public_id, amount_minor=amount)
    return json.loads(create_refund(caller=caller, asked=asked, key=key(name)).body)


def hear(charge: Charge) -> bool:
    """In a thread of its own, which gives its connection back."""
    try:
        return learn_disputes(charge, Actor("x"))
    finally:
        release_connection()


def told(dispute: Dispute) -> list[str]:
    own = Event.objects.filter(object_id=dispute.public_id).order_by("pk")
    return [event.type.removeprefix("charge.dispute.") for event in own]


def test_a_dispute_takes_the_money_and_a_won_one_gives_it_back(
    caller: Caller, bank: DisputingBank, charge: Charge
) -> None:
    assert balances(caller) == {"pending": NET}
    dispute = disputed(bank, charge)
    assert balances(caller) == {"pending": NET, "available": -11_500}
    respond(dispute.pk, Response(evidence={"uncategorized_text": "signed for"}, submit=True), STAFF)
    assert Dispute.objects.get(pk=dispute.pk).state == "under_review"
    assert balances(caller) == {"pending": NET, "available": -11_500}
    assert learn(bank, dispute, "won").state == "won"
    assert balances(caller) == {"pending": NET, "available": -1_500}
    assert told(dispute) == [
        "created",
        "funds_withdrawn",
        "updated",
        "updated",
        "closed",
        "funds_reinstated",
    ]
    assert sum(row.debit - row.credit for row in trial_balance()) == 0
    rows = BalanceTransaction.objects.filter(source=dispute.public_id).order_by("pk")
    assert [(row.type, row.amount_minor, row.fee_minor, row.state) for row in rows] == [
        ("adjustment", -10_000, 1_500, "available"),
        ("adjustment", 10_000, 0, "available"),
    ]


def test_a_lost_one_books_nothing_more(caller: Caller, bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge)
    assert learn(bank, dispute, "lost").state == "lost"
    assert balances(caller) == {"pending": NET, "available": -11_500}
    assert told(dispute)[-1] == "closed"


def test_an_inquiry_takes_nothing_until_it_becomes_a_dispute(
    caller: Caller, bank: DisputingBank, charge: Charge, key: Any
) -> None:
    dispute = disputed(bank, charge, "warning_needs_response")
    assert balances(caller) == {"pending": NET}
    assert told(dispute) == ["created"]
    assert refund(caller, charge, key, amount=1_000)["status"] == "succeeded"
    dispute = learn(bank, dispute, "needs_response")
    assert balances(caller) == {"pending": NET - 1_000, "available": -11_500}
    assert told(dispute) == ["created", "updated", "funds_withdrawn"]
    assert Alert.objects.get(subject=dispute.public_id).amount_minor == 1_000


def test_a_closed_inquiry_took_nothing(caller: Caller, bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge, "warning_needs_response")
    assert learn(bank, dispute, "warning_closed").next_look_at is None
    assert balances(caller) == {"pending": NET}


@pytest.mark.parametrize("state", ["needs_response", "under_review", "lost"])
def test_a_disputed_charge_is_not_refunded(
    caller: Caller, bank: DisputingBank, charge: Charge, key: Any, state: DisputeState
) -> None:
    disputed(bank, charge, state)
    with pytest.raises(ChargeDisputed) as raised:
        refund(caller, charge, key, amount=1)
    assert (raised.value.wire_code, raised.value.status) == ("charge_disputed", 400)
    assert not Refund.objects.filter(charge=charge).exists()


def test_a_won_dispute_lets_the_charge_be_refunded(
    caller: Caller, bank: DisputingBank, charge: Charge, key: Any
) -> None:
    disputed(bank, charge, "won")
    assert refund(caller, charge, key)["status"] == "succeeded"
    assert balances(caller) == {"pending": -320, "available": -1_500}


def test_a_dispute_after_a_refund_is_booked_and_somebody_looks(
    caller: Caller, bank: DisputingBank, charge: Charge, key: Any
) -> None:
    refund(caller, charge, key, amount=4_000)
    dispute = disputed(bank, charge)
    assert balances(caller) == {"pending": NET - 4_000, "available": -11_500}
    alert = Alert.objects.get(kind="bound_exceeded", subject=dispute.public_id)
    assert (alert.amount_minor, alert.currency, alert.merchant_id) == (4_000, "usd", caller.merchant_id)


def test_a_dispute_within_what_was_captured_alarms_nobody(bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge, amount_minor=4_000)
    assert not Alert.objects.filter(subject=dispute.public_id).exists()


def test_refund_and_dispute_racing_are_never_both_unseen(
    caller: Caller, bank: DisputingBank, charge: Charge, key: Any
) -> None:
    """Either the refund was first, and the dispute raises an alert; or the dispute was, and the refund is refused."""
    bank.dispute(charge.processor_id)
    gate = threading.Barrier(2)

    def give_back() -> bool:
        gate.wait()
        try:
            refund(caller, charge, key)
        except RefundRefused:
            return False
        finally:
            release_connection()
        return True

    def listen() -> bool:
        gate.wait()
        return hear(charge)

    with ThreadPoolExecutor(2) as pool:
        refunded, heard = pool.submit(give_back), pool.submit(listen)
    dispute = Dispute.objects.get(charge=charge)
    assert heard.result()
    assert Alert.objects.filter(subject=dispute.public_id).exists() == refunded.result()


def test_many_threads_hear_of_one_dispute_and_book_it_once(
    caller: Caller, bank: DisputingBank, charge: Charge
) -> None:
    bank.dispute(charge.processor_id)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: hear(charge), range(6)))
    assert Dispute.objects.filter(charge=charge).count() == 1
    assert balances(caller) == {"pending": NET, "available": -11_500}


def test_news_in_any_order_only_moves_forward(caller: Caller, bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge, "lost")
    steps = (
        TimelineEntry.objects.filter(dispute=dispute).order_by("pk").values_list("dispute_state", flat=True)
    )
    assert list(steps) == ["needs_response", "lost"]
    for state in ("needs_response", "under_review", "won", "warning_needs_response"):
        assert learn(bank, dispute, state).state == "lost"
    assert balances(caller) == {"pending": NET, "available": -11_500}


def test_each_way_is_drawn() -> None:
    for start, ways in WAYS.items():
        for end, steps in ways.items():
            dispute = Dispute(state=start)
            for step in steps:
                getattr(dispute, step)()
            assert dispute.state == end


def test_evidence_is_kept_when_the_processor_says_nothing_and_is_sent_again(
    bank: DisputingBank, charge: Charge
) -> None:
    dispute = disputed(bank, charge)
    bank.answers = [Unknown("no answer")]
    said = json.loads(
        respond(dispute.pk, Response(evidence={"customer_name": "Ada"}, submit=True), STAFF).body
    )
    assert (said["status"], said["evidence"]["customer_name"]) == ("needs_response", "Ada")
    with pytest.raises(DisputeRefused):
        respond(dispute.pk, Response(evidence={"customer_name": "Bob"}), STAFF)
    Dispute.objects.filter(pk=dispute.pk).update(next_look_at="2020-01-01T00:00Z")
    assert look_after_disputes()
    assert Dispute.objects.get(pk=dispute.pk).state == "under_review"
    (_, first), (_, second) = bank.orders
    assert (first.reference, dict(first.evidence)) == (second.reference, {"customer_name": "Ada"})


def test_a_refused_answer_keeps_the_texts_and_asks_for_a_person(bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge)
    bank.answers = [Declined("not_allowed")]
    respond(dispute.pk, Response(evidence={"customer_name": "Ada"}, submit=True), STAFF)
    row = Dispute.objects.get(pk=dispute.pk)
    assert (row.state, row.wanted, row.evidence) == ("needs_response", "", {"customer_name": "Ada"})
    assert Alert.objects.filter(kind="dispute_answer_refused", subject=row.public_id).exists()


def test_accepting_loses_and_is_final(caller: Caller, bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge)
    assert json.loads(accept(dispute.pk, STAFF, reason="Our mistake").body)["status"] == "lost"
    assert TimelineEntry.objects.filter(dispute=dispute, reason="Our mistake", actor="staff:ada").exists()
    with pytest.raises(DisputeClosed):
        accept(dispute.pk, STAFF)
    with pytest.raises(DisputeClosed):
        respond(dispute.pk, Response(evidence={"customer_name": "Ada"}), STAFF)


def test_an_inquiry_can_not_be_accepted(bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge, "warning_needs_response")
    with pytest.raises(DisputeRefused):
        accept(dispute.pk, STAFF)


@pytest.mark.parametrize(
    ("evidence", "param"),
    [
        ({"uncategorized_text": "x" * MOST_TEXT, "customer_name": "y"}, "evidence"),
        ({"receipt": "file_1"}, "evidence[receipt]"),
        ({}, "evidence"),
    ],
)
def test_impossible_evidence_is_refused_and_changes_nothing(
    bank: DisputingBank, charge: Charge, evidence: dict[str, str], param: str
) -> None:
    dispute = disputed(bank, charge)
    with pytest.raises(DisputeRefused) as raised:
        respond(dispute.pk, Response(evidence=evidence, submit=True), STAFF)
    assert raised.value.param == param
    row = Dispute.objects.get(pk=dispute.pk)
    assert (row.evidence, row.wanted, bank.orders) == ({}, "", [])


def test_open_disputes_are_asked_about_in_case_nobody_tells(bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge)
    bank.set(dispute.processor_id, "lost")
    Dispute.objects.filter(pk=dispute.pk).update(next_look_at="2020-01-01T00:00Z")
    look_after_disputes()
    assert Dispute.objects.get(pk=dispute.pk).state == "lost"


def test_a_silent_processor_is_asked_again(bank: DisputingBank, charge: Charge) -> None:
    bank.silent = True
    bank.dispute(charge.processor_id)
    assert not learn_disputes(charge, Actor("x"))
    bank.silent = False
    assert learn_disputes(charge, Actor("x"))


def test_the_charge_says_that_it_is_disputed(books: Books, bank: DisputingBank, charge: Charge) -> None:
    disputed(bank, charge)
    assert Charge.objects.get(pk=charge.pk).disputed
