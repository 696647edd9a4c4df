"""The one place where operations end: in one round trip or readably, the rows are the same; and it ends once."""

import json
import threading
from typing import Any

import pytest
from django.db import connection, transaction

from core.db import release_connection
from idempotency.keys import Answer
from idempotency.models import Claim
from ledger.models import LedgerTransaction
from merchants.auth import Caller
from payments.attempts import Actor, Attempt
from payments.models import Charge, Operation
from payments.services import pursue
from payments.services.charge import NewCharge, create_charge
from payments.services.finish import finish_operation
from payments.services.resume import resume_operation
from processors.protocol import Approved, Declined, NotSent, Outcome, Tombstoned, Unknown
from tests.support.eventually import eventually
from tests.support.scripted import ScriptedBank
from webhooks.models import Event
from webhooks.services import record_event

# What differs from run to run, and nothing else may: identities, moments, and what is derived from them.
VOLATILE = {
    "id", "merchant_id", "public_id", "created_at", "booked_at", "occurred_at", "finished_at",
    "answered_at", "available_on",
    "deadline_at", "next_attempt_at", "lease_until", "xid", "payment_intent_id", "charge_id", "operation_id",
    "decision_id",
    "transaction_id", "claim_id", "event_id", "reverses_id", "balance_transaction", "payment_method",
    "key", "idempotency_key", "request_id", "operation", "reference", "ledger_reference", "source", "object_id",
    "processor_id", "body", "data", "position",
}  # fmt: skip
TABLES = [
    "payments_paymentintent",
    "payments_charge",
    "payments_operation",
    "payments_timelineentry",
    "payments_balancetransaction",
    "idempotency_claim",
    "ledger_transaction",
    "webhooks_event",
]
OUTCOMES: list[Outcome] = [
    Approved("auth_1", 10_000, authorization_code="1", checks={"cvc": "pass"}, raw={"a": 1}),
    Approved("auth_1", 10_000, available_at_once=True),
    Declined("insufficient_funds", checks={"cvc": "fail"}, raw={"b": 2}),
    Declined("expired_card"),
    NotSent("no connection"),
    Tombstoned(),
]


def rows(merchant_id: int) -> dict[str, list[dict[str, Any]]]:
    """Every row that the merchant's payment left, without what is volatile."""
    found: dict[str, list[dict[str, Any]]] = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table} WHERE merchant_id = %s ORDER BY id", [merchant_id])
            found[table] = named(cursor)
        cursor.execute(
            "SELECT kind, address, entry.currency, amount_minor FROM ledger_entry entry "
            "JOIN ledger_transaction t ON t.id = transaction_id JOIN ledger_account a ON a.id = account_id "
            "WHERE t.merchant_id = %s ORDER BY kind, amount_minor",
            [merchant_id],
        )
        found["ledger_entry"] = named(cursor)
        cursor.execute(
            "SELECT type FROM webhooks_outbox JOIN webhooks_event ON event_id = webhooks_event.id "
            "WHERE merchant_id = %s",
            [merchant_id],
        )
        found["webhooks_outbox"] = named(cursor)
    return found


def named(cursor: Any) -> list[dict[str, Any]]:
    names = [column.name for column in cursor.description]
    return [
        {name: value for name, value in zip(names, row, strict=True) if name not in VOLATILE}
        for row in cursor.fetchall()
    ]


def comparable(found: dict[str, list[dict[str, Any]]], caller: Caller) -> str:
    """The rows of two merchants differ in who they are."""
    text = json.dumps(found, default=str, sort_keys=True, ensure_ascii=False)
    for own in (caller.merchant_public_id, caller.key_name):
        text = text.replace(own, "…")
    return text


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_one_round_trip_writes_the_same_rows_as_the_readable_path(
    books: Any, bank: ScriptedBank, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from idempotency.keys import Key
    from merchants.auth import caller_of
    from merchants.services import create_merchant

    seen = []
    for readable in (False, True):
        shop = create_merchant("Same")
        caller = caller_of(f"Bearer {shop.keys['sk_test']}")
        if readable:
            monkeypatch.setattr(
                pursue,
                "finish_charge",
                lambda attempt, outcome, actor: finish_operation(attempt.operation.pk, outcome, actor),
            )
        bank.script.append(outcome)
        key = Key(caller.merchant_id, False, "k", "f", "req_k")
        answer = create_charge(
            caller=caller, asked=NewCharge(10_000, "usd", "tok_visa", metadata={"a": "b"}), key=key
        )
        kept = Claim.objects.get(merchant=shop.merchant)
        assert (kept.status, kept.body) == (answer.status, answer.body)
        seen.append(comparable(rows(caller.merchant_id), caller))
        release_connection()
    assert seen[0] == seen[1]
    assert json.loads(seen[0])["ledger_entry"]


def test_an_operation_ends_once(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    first = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    operation = Operation.objects.get(merchant_id=caller.merchant_id)
    late = finish_operation(operation.pk, Declined("generic_decline"), Actor("late"))
    assert (late.status, late.body) == (first.status, first.body)
    assert Charge.objects.get(merchant_id=caller.merchant_id).state == "captured"
    assert LedgerTransaction.objects.filter(merchant_id=caller.merchant_id).count() == 2


def test_an_event_that_commits_during_the_call_comes_before_the_charges_own(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    """Phase 2 waits for the charge's lock in the statement that gives its event a number."""
    began, threads = threading.Event(), []

    def update() -> None:
        try:
            with transaction.atomic():
                charge = Charge.objects.select_for_update(no_key=True).get(merchant_id=caller.merchant_id)
                began.set()
                eventually(_somebody_waits_for_a_lock)
                record_event(
                    merchant_id=caller.merchant_id,
                    livemode=False,
                    type="charge.updated",
                    object_id=charge.public_id,
                    data={},
                )
        finally:
            connection.close()

    def updated_meanwhile() -> Outcome:
        threads.append(threading.Thread(target=update))
        threads[0].start()
        assert began.wait(20)
        return Approved("auth_1", 10_000)

    bank.script.append(updated_meanwhile)
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    threads[0].join()
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "succeeded")
    told = Event.objects.filter(merchant_id=caller.merchant_id).order_by("sequence")
    assert list(told.values_list("sequence", "type")) == [(1, "charge.updated"), (2, "charge.succeeded")]


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def test_not_sent_ends_nothing_that_somebody_else_has_taken_over(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    """Their sending may have left."""

    def taken_over() -> Outcome:
        Operation.objects.filter(merchant_id=caller.merchant_id).update(attempts=1)
        return NotSent("no connection")

    bank.script.append(taken_over)
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    assert (answer.final, json.loads(answer.body)["status"]) == (False, "pending")
    assert Operation.objects.get(merchant_id=caller.merchant_id).state == "unknown"


@pytest.mark.parametrize(
    "said", [Approved("auth_1", 10_000), Declined("expired_card"), NotSent("broken line")]
)
@pytest.mark.parametrize("readably", [False, True])
def test_a_process_whose_claim_was_taken_over_changes_nothing(
    caller: Caller,
    bank: ScriptedBank,
    key: Any,
    said: Outcome,
    readably: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was frozen for longer than its lease, and wakes up with the bank's answer in its hands."""

    def taken_over() -> Outcome:
        Claim.objects.filter(merchant_id=caller.merchant_id).update(owner="elsewhere/pid:[1]/1/1")
        return said

    if readably:
        monkeypatch.setattr(pursue, "finish_charge", ended_readably)
    bank.script.append(taken_over)
    before = LedgerTransaction.objects.filter(merchant_id=caller.merchant_id).count()
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    assert not answer.final
    operation = Operation.objects.get(merchant_id=caller.merchant_id)
    assert operation.charge is not None
    assert (operation.state, operation.charge.state) == ("processing", "processing")
    assert Claim.objects.get(merchant_id=caller.merchant_id).answered_at is None
    assert LedgerTransaction.objects.filter(merchant_id=caller.merchant_id).count() == before + 1
    assert resume_operation(operation.public_id, Actor("sweeper")).final


def ended_readably(attempt: Attempt, outcome: Outcome, actor: Actor) -> Answer:
    return finish_operation(attempt.operation.pk, outcome, actor, as_owner=True)


def test_another_amount_than_ours_is_no_answer(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script.append(Approved("auth_1", 9_999))
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    assert json.loads(answer.body)["status"] == "pending"


def test_a_repetition_that_never_left_proves_nothing(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [Unknown("no answer"), NotSent("no connection")]
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    operation = Operation.objects.get(merchant_id=caller.merchant_id)
    answer = resume_operation(operation.public_id, Actor("sweeper"))
    assert not answer.final
    assert Operation.objects.get(pk=operation.pk).state == "unknown"
    assert resume_operation(operation.public_id, Actor("sweeper")).final
    assert Charge.objects.get(merchant_id=caller.merchant_id).state == "captured"


def test_a_card_that_is_gone_is_voided_by_reference(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [Unknown("no answer"), NotSent("no such token", "resource_missing")]
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    operation = Operation.objects.get(merchant_id=caller.merchant_id)
    assert resume_operation(operation.public_id, Actor("sweeper")).status == 402
    assert Operation.objects.get(pk=operation.pk).state == "not_done"


def test_an_old_charge_is_voided_rather_than_sent_again(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is charged out of the blue an hour later."""
    from payments.services import ask

    monkeypatch.setattr(ask, "RESEND_CHARGE_SECONDS", -1)
    bank.script.append(Unknown("no answer"))
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    operation = Operation.objects.get(merchant_id=caller.merchant_id)
    resume_operation(operation.public_id, Actor("sweeper"))
    assert Charge.objects.get(merchant_id=caller.merchant_id).state == "failed"
    assert isinstance(bank.done[operation.public_id], Tombstoned)
