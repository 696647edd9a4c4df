"""Payments are judged before anybody is asked: what is blocked reaches no bank, whoever writes, whatever crashes."""

import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.errors import CheckViolation, ForeignKeyViolation

from core import faults
from core.ids import new_id
from idempotency.models import Claim
from ledger.models import LedgerTransaction
from merchants.auth import Caller
from payments import routing
from payments.models import Charge, Operation, PaymentIntent, TimelineEntry
from payments.services import block
from payments.services.charge import NewCharge, create_charge
from payments.services.confirm import Confirmation, confirm_intent, create_and_confirm
from payments.services.intents import NewIntent, create_intent
from processors.protocol import NotSent
from risk import parts
from risk.facts import Request
from risk.models import Decision
from risk.services import assess as assessing
from tests.conftest import Books
from tests.payments.test_phases import sends as sends
from tests.support.rules import Written, enforce, write_rules
from tests.support.scripted import ScriptedBank
from webhooks.models import Event

CHARGE = NewCharge(10_000, "usd", "tok_visa", receipt_email="Jenny@Example.com", device="rse_1")
INTENT = NewIntent(
    10_000,
    "usd",
    source="pm_card_visa",
    receipt_email="Jenny@Example.com",
    options={"radar_options": {"session": "rse_1"}},
)


@pytest.fixture
def blocks(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    enforce(caller.merchant_id)
    write_rules(monkeypatch, Written("block", name="No"))


def test_a_blocked_charge_ends_at_once_and_no_bank_hears_of_it(
    caller: Caller, bank: ScriptedBank, key: Any, blocks: None
) -> None:
    answer = create_charge(caller=caller, asked=CHARGE, key=key("k"))
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"], error["decline_code"]) == (402, "card_declined", "fraudulent")
    charge = Charge.objects.get(merchant_id=caller.merchant_id)
    assert (charge.state, charge.processor, charge.payment_intent.state) == (
        "failed",
        "",
        "requires_payment_method",
    )
    assert bank.asked == []
    assert not Operation.objects.filter(merchant_id=caller.merchant_id).exists()
    assert not LedgerTransaction.objects.filter(merchant_id=caller.merchant_id).exists()
    (event,) = Event.objects.filter(merchant_id=caller.merchant_id)
    assert (event.type, event.data["outcome"]["type"]) == ("charge.failed", "blocked")
    assert event.data["outcome"] | {"seller_message": ""} == {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "not_sent_to_network",
        "reason": "rule",
        "risk_level": "highest",
        "rule": "rr_1",
        "seller_message": "",
        "type": "blocked",
    }
    (told,) = TimelineEntry.objects.filter(charge=charge)
    assert (told.kind, told.reason) == ("charge.blocked", "Rule 'No'.")
    again = create_charge(caller=caller, asked=CHARGE, key=key("k"))
    assert (again.body, again.replayed) == (answer.body, True)
    assert Decision.objects.filter(merchant_id=caller.merchant_id).count() == 1


def test_a_blocked_intent_waits_for_another_card(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce(caller.merchant_id)
    write_rules(monkeypatch, Written("block", lambda facts: facts["payment"]["attempt"] == 1))
    made = json.loads(create_intent(caller=caller, asked=INTENT, key=key("i")).body)
    answer = confirm_intent(caller=caller, intent=made["id"], asked=Confirmation(), key=key("1"))
    shown = json.loads(answer.body)["error"]["payment_intent"]
    assert (answer.status, shown["status"]) == (402, "requires_payment_method")
    assert shown["last_payment_error"]["decline_code"] == "fraudulent"
    assert bank.asked == []
    assert (
        confirm_intent(caller=caller, intent=made["id"], asked=Confirmation(), key=key("1")).body
        == answer.body
    )
    paid = confirm_intent(caller=caller, intent=made["id"], asked=Confirmation("pm_card_visa"), key=key("2"))
    assert json.loads(paid.body)["status"] == "succeeded"
    verdicts = Decision.objects.filter(merchant_id=caller.merchant_id).order_by("pk")
    assert list(verdicts.values_list("effective", flat=True)) == ["block", "allow"]
    assert verdicts[0].facts["customer"]["email"] == "jenny@example.com"


def test_an_intent_that_is_confirmed_where_it_is_made_is_blocked_too(
    caller: Caller, bank: ScriptedBank, key: Any, blocks: None
) -> None:
    answer = create_and_confirm(caller=caller, asked=INTENT, key=key("k"))
    assert json.loads(answer.body)["error"]["payment_intent"]["status"] == "requires_payment_method"
    kinds = Event.objects.filter(merchant_id=caller.merchant_id).order_by("pk").values_list("type", flat=True)
    assert list(kinds) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert bank.asked == []


def test_what_is_not_enforced_is_only_written_down(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rules(monkeypatch, Written("block"))
    answer = create_charge(caller=caller, asked=CHARGE, key=key("k"))
    assert json.loads(answer.body)["outcome"]["type"] == "authorized"
    decision = Decision.objects.get(merchant_id=caller.merchant_id)
    assert (decision.verdict, decision.effective, decision.enforced) == ("block", "allow", False)


def test_both_ways_write_the_same_decision(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    create_charge(caller=caller, asked=CHARGE, key=key("c"))
    create_and_confirm(caller=caller, asked=INTENT, key=key("i"))
    rows = Decision.objects.filter(merchant_id=caller.merchant_id).order_by("pk")
    volatile = ("id", "created_at", "charge", "payment_intent", "once", "took_microseconds")
    told: list[dict[str, Any]] = [
        {name: value for name, value in row.items() if name not in volatile} for row in rows.values()
    ]
    first, second = told
    # The second one is the second to be counted.
    assert first["facts"].pop("velocity").keys() == second["facts"].pop("velocity").keys()
    assert first == second
    charges = Charge.objects.filter(merchant_id=caller.merchant_id).order_by("pk")
    assert [row.decision_id for row in charges] == [row.pk for row in rows]
    assert [row.public_id for row in charges] == [row.charge for row in rows]


def test_twenty_requests_under_one_key_make_one_blocked_charge(
    caller: Caller, bank: ScriptedBank, key: Any, blocks: None
) -> None:
    gate, answers = threading.Barrier(20), []

    def ask() -> None:
        gate.wait()
        try:
            answers.append(create_charge(caller=caller, asked=CHARGE, key=key("same")).body)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20 and len(set(answers)) == 1
    assert Charge.objects.filter(merchant_id=caller.merchant_id).count() == 1
    assert Decision.objects.filter(merchant_id=caller.merchant_id).count() == 1
    assert bank.asked == []


def test_a_crash_before_the_commit_leaves_nothing_that_could_be_sent(
    caller: Caller, bank: ScriptedBank, key: Any, blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise faults.FaultInjected

    with monkeypatch.context() as patch:
        patch.setattr(block, "before_commit", crash)
        with pytest.raises(faults.FaultInjected):
            create_charge(caller=caller, asked=CHARGE, key=key("k"))
    for model in (Charge, Decision, PaymentIntent, Claim, Operation):
        assert not model.objects.filter(merchant_id=caller.merchant_id).exists()
    assert create_charge(caller=caller, asked=CHARGE, key=key("k")).status == 402
    assert bank.asked == []


def test_a_challenge_is_asked_of_the_processor(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce(caller.merchant_id)
    write_rules(monkeypatch, Written("challenge"))
    create_and_confirm(caller=caller, asked=INTENT, key=key("k"))
    ((_, request),) = bank.asked
    assert request.three_d_secure  # type: ignore[union-attr]


def test_another_processor_keeps_the_decision(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = routing.route

    def two(*args: Any, **kwargs: Any) -> Any:
        return replace(real(*args, **kwargs), processors=("sandbox", "sandbox"))

    monkeypatch.setattr(routing, "route", two)
    bank.script.append(NotSent("turned away", "processor_refused"))
    create_charge(caller=caller, asked=CHARGE, key=key("k"))
    first, second = Charge.objects.filter(merchant_id=caller.merchant_id).order_by("pk")
    assert first.decision_id == second.decision_id is not None
    assert Decision.objects.filter(merchant_id=caller.merchant_id).count() == 1


@pytest.mark.parametrize(
    ("declared", "status", "effective"), [("open", 200, "allow"), ("closed", 402, "block")]
)
def test_what_can_not_be_asked_in_time_is_decided_as_declared(
    caller: Caller,
    bank: ScriptedBank,
    key: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    declared: str,
    status: int,
    effective: str,
) -> None:
    enforce(caller.merchant_id, on_fault=declared)
    settings.RISK_BUDGET_SECONDS = 0.05

    def away(request: Request, facts: Any, *, within: float) -> parts.Found:
        raise ConnectionError("Redis is away")

    def slow(request: Request) -> Any:
        time.sleep(1)
        return {}

    write_rules(
        monkeypatch, Written("block", lambda facts: False, reads=frozenset({"history.card_payments"}))
    )
    monkeypatch.setattr(parts, "GATHERERS", (("velocity", away),))
    monkeypatch.setattr("payments.services.judge.history_of", slow)
    answer = create_charge(caller=caller, asked=CHARGE, key=key("k"))
    decision = Decision.objects.get(merchant_id=caller.merchant_id)
    assert (answer.status, decision.effective, decision.on_fault) == (status, effective, declared)
    assert "velocity: ConnectionError: Redis is away" in decision.fault
    assert "history: TooLate" in decision.fault
    assert decision.took_microseconds < 900_000


def test_history_is_looked_up_only_where_a_rule_asks(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_charge(caller=caller, asked=CHARGE, key=key("1"))
    write_rules(monkeypatch, Written("block", lambda facts: False, reads=frozenset({"customer.age_days"})))
    create_charge(caller=caller, asked=CHARGE, key=key("2"))
    unasked, asked = Decision.objects.filter(merchant_id=caller.merchant_id).order_by("pk")
    assert unasked.facts["history"]["card_payments"] == -1
    assert (asked.facts["history"]["card_payments"], asked.facts["customer"]["age_days"]) == (1, 0)
    assert asked.facts["history"]["email_payments"] == 1


def test_a_broken_part_never_stops_a_payment(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*facts: Any) -> bool:
        raise RuntimeError("a bug of ours")

    enforce(caller.merchant_id)
    write_rules(monkeypatch, Written("block", broken))
    monkeypatch.setattr(
        parts, "SCORERS", (("score", SimpleNamespace(reads=lambda livemode: (), score=broken)),)
    )
    assert create_charge(caller=caller, asked=CHARGE, key=key("k")).status == 200
    decision = Decision.objects.get(merchant_id=caller.merchant_id)
    assert "a bug of ours" in decision.fault and decision.results[0]["error"]


def test_nothing_is_judged_inside_a_transaction(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = []
    real = assessing.Hearing.ask

    def watched(self: Any, rules: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return real(self, rules)

    monkeypatch.setattr(assessing.Hearing, "ask", watched)
    create_charge(caller=caller, asked=CHARGE, key=key("c"))
    create_and_confirm(caller=caller, asked=INTENT, key=key("i"))
    made = json.loads(create_intent(caller=caller, asked=INTENT, key=key("m")).body)
    confirm_intent(caller=caller, intent=made["id"], asked=Confirmation(), key=key("n"))
    assert inside == [False, False, False]


def copied(connection: psycopg.Connection, table: str, where: str, **changes: object) -> None:
    """A row like another one, but for some columns."""
    names = [
        row[0]
        for row in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> 'id'",
            [table],
        )
    ]
    values = ", ".join(f"%({name})s" if name in changes else name for name in names)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE {where}", changes
    )


def test_postgresql_refuses_charges_without_their_decision(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_charge(caller=caller, asked=CHARGE, key=key("good"))
    good = Charge.objects.get(merchant_id=caller.merchant_id)
    assert good.decision is not None
    enforce(caller.merchant_id)
    write_rules(monkeypatch, Written("block"))
    create_charge(caller=caller, asked=CHARGE, key=key("bad"))
    bad = Charge.objects.filter(merchant_id=caller.merchant_id).latest("pk")
    forged: dict[str, dict[str, object]] = {
        "none": {"decision_id": None, "state": "processing"},
        "of another payment": {"decision_id": bad.decision_id, "state": "failed"},
        "of another amount": {"amount_minor": 1, "state": "processing"},
        "failed, but not blocked": {"state": "failed"},
    }
    plain: dict[str, object] = {
        "captured_minor": None, "fee_minor": None, "balance_transaction": None, "capture_before": None,
    }  # fmt: skip
    with books.superuser() as raw:
        with raw.transaction():
            _told(raw, good, new_id("ch"), {"state": "processing"} | plain)
        for case, change in forged.items():
            with pytest.raises((ForeignKeyViolation, CheckViolation)), raw.transaction():
                _told(raw, good, new := new_id("ch"), change | plain)
            assert not Charge.objects.filter(public_id=new).exists(), case
        # A blocked one is born failed, and nobody can be asked for it afterwards.
        with pytest.raises((ForeignKeyViolation, CheckViolation)), raw.transaction():
            _told(raw, bad, new_id("ch"), {"state": "processing"})
        for kind in ("sale", "authorize"):
            with pytest.raises((ForeignKeyViolation, CheckViolation)), raw.transaction():
                copied(
                    raw,
                    "payments_operation",
                    f"charge_id = {good.pk} AND kind = 'sale'",
                    public_id=(made := new_id("op")),
                    charge_id=bad.pk,
                    payment_intent_id=bad.payment_intent_id,
                    kind=kind,
                    state="processing",
                    next_attempt_at="2026-01-01",
                    finished_at=None,
                )
                _told_of_operation(raw, bad, made)


def _told(raw: psycopg.Connection, like: Charge, public_id: str, change: dict[str, object]) -> None:
    """A copy of a charge with a timeline row, so that only its decision can be what is refused."""
    copied(raw, "payments_charge", f"id = {like.pk}", public_id=public_id, **change)
    raw.execute(
        """INSERT INTO payments_timelineentry
            (merchant_id, livemode, payment_intent_id, charge_id, kind, charge_state)
        SELECT merchant_id, livemode, payment_intent_id, id, 'forged', state FROM payments_charge
        WHERE public_id = %s""",
        [public_id],
    )


def _told_of_operation(raw: psycopg.Connection, charge: Charge, public_id: str) -> None:
    raw.execute(
        """INSERT INTO payments_timelineentry
            (merchant_id, livemode, payment_intent_id, charge_id, operation_id, kind, operation_state)
        SELECT merchant_id, livemode, payment_intent_id, charge_id, id, 'forged', state FROM payments_operation
        WHERE public_id = %s""",
        [public_id],
    )


def test_the_test_card_is_blocked_whether_enforced_or_not(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    blocked = replace(CHARGE, source="tok_radarBlock")
    answer = create_charge(caller=caller, asked=blocked, key=key("k"))
    assert json.loads(answer.body)["error"]["decline_code"] == "fraudulent"
    event = Event.objects.get(merchant_id=caller.merchant_id)
    assert event.data["outcome"]["reason"] == "highest_risk_level"
    assert "rule" not in event.data["outcome"]
    assert bank.asked == []
