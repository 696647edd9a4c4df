"""What PostgreSQL refuses of a payment's whole life, whoever asks; and what happens when several ask at once."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection

from core.errors import TollgateError
from merchants.auth import Caller
from payments.attempts import Actor
from payments.models import Charge, Operation, PaymentIntent, Refund
from payments.services.cancel import cancel_intent
from payments.services.capture import capture_intent
from payments.services.challenge import answer_challenge
from payments.services.confirm import Confirmation, confirm_intent, create_and_confirm
from payments.services.intents import NewIntent, create_intent
from payments.services.learn import learn
from payments.services.refund import NewRefund, create_refund
from processors.protocol import ActionRequired, Approved, NotSent
from tests.conftest import Books
from tests.payments.balances import balances
from tests.support.scripted import ScriptedBank

HELD = NewIntent(10_000, "usd", source="pm_card_visa", capture_method="manual", order_reference="7")


@pytest.fixture
def held(caller: Caller, bank: ScriptedBank, key: Any) -> Charge:
    """100.00 USD, held for order 7."""
    answer = create_and_confirm(caller=caller, asked=HELD, key=key("held"))
    return Charge.objects.get(public_id=json.loads(answer.body)["latest_charge"])


def refused(books: Books, sql: str, *values: object) -> str:
    with books.superuser() as attacker, pytest.raises(psycopg.Error) as raised:
        attacker.execute(sql, values)
    return str(raised.value)


ASK = """
    INSERT INTO payments_operation
        (public_id, merchant_id, livemode, kind, payment_intent_id, charge_id, state, amount_minor, currency,
         processor, deadline_at, next_attempt_at)
    SELECT 'op_' || gen_random_uuid(), merchant_id, livemode, %s, payment_intent_id, id, 'processing', %s,
           currency, processor, now(), now()
    FROM payments_charge WHERE id = %s
"""
SET_FREE = """
    INSERT INTO payments_refund (public_id, merchant_id, livemode, payment_intent_id, charge_id, state,
                                 amount_minor, currency, voids)
    SELECT 're_' || gen_random_uuid(), merchant_id, livemode, payment_intent_id, id, 'pending', %s, currency, true
    FROM payments_charge WHERE id = %s
"""


def test_no_more_is_captured_than_is_held(books: Books, held: Charge) -> None:
    assert "does not fit" in refused(books, ASK, "capture", 10_001, held.pk)


def test_nothing_is_captured_after_its_time(books: Books, held: Charge) -> None:
    with books.superuser() as stage:
        stage.execute("SET session_replication_role = replica")
        stage.execute("UPDATE payments_charge SET capture_before = now() WHERE id = %s", [held.pk])
    assert "does not fit" in refused(books, ASK, "capture", 10_000, held.pk)


def test_a_hold_can_not_be_made_longer(books: Books, held: Charge) -> None:
    refused(
        books, "UPDATE payments_charge SET capture_before = now() + interval '1 year' WHERE id = %s", held.pk
    )


@pytest.mark.parametrize("kind", ["capture", "void", "complete"])
def test_what_is_captured_is_neither_captured_voided_nor_completed(
    books: Books, caller: Caller, held: Charge, key: Any, kind: str
) -> None:
    intent = held.payment_intent.public_id
    capture_intent(caller=caller, intent=intent, amount_minor=None, key=key("c"))
    assert "does not fit" in refused(books, ASK, kind, 10_000, held.pk)


def test_a_refund_operation_belongs_to_a_refund(books: Books, held: Charge) -> None:
    assert "does not fit" in refused(books, ASK, "refund", 1, held.pk)


def test_a_hold_is_set_free_whole(books: Books, held: Charge) -> None:
    assert "can not be set free" in refused(books, SET_FREE, 9_999, held.pk)


@pytest.mark.parametrize("change", ["amount_minor = 1", "currency = 'eur'", "capture_method = 'automatic'"])
def test_the_terms_are_fixed_once_a_processor_was_asked(books: Books, held: Charge, change: str) -> None:
    refused(books, f"UPDATE payments_paymentintent SET {change} WHERE id = %s", held.payment_intent_id)


@pytest.mark.parametrize("change", ["order_held = NULL", "order_held = 'x'", "order_reference = 'x'"])
def test_a_binding_intent_keeps_its_order(books: Books, held: Charge, change: str) -> None:
    refused(books, f"UPDATE payments_paymentintent SET {change} WHERE id = %s", held.payment_intent_id)


def test_an_order_can_not_be_bound_twice(books: Books, caller: Caller, held: Charge, key: Any) -> None:
    asked = NewIntent(10_000, "usd", source="pm_card_visa", order_reference="8")
    other = json.loads(create_intent(caller=caller, asked=asked, key=key("o")).body)["id"]
    message = refused(
        books,
        "UPDATE payments_paymentintent SET state = 'processing', order_reference = '7', order_held = '7' "
        "WHERE public_id = %s",
        other,
    )
    assert "order_is_paid_once" in message or "is for order" in message


def test_late_money_of_one_charge_is_booked_once(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [NotSent("no connection")]
    create_and_confirm(caller=caller, asked=NewIntent(10_000, "usd", source="pm_card_visa"), key=key("1"))
    operation = Operation.objects.get(merchant_id=caller.merchant_id)
    bank.lookups += [Approved("auth_late", 10_000) for _ in range(4)]
    at_once(4, lambda number: learn(operation.public_id, Actor("beat")))
    assert Charge.objects.filter(late_of=operation.charge_id).count() == 1
    names = [
        str(field.column)
        for field in Charge._meta.concrete_fields
        if field.column not in ("id", "public_id", "state", "captured_minor", "next_look_at")
    ]
    columns = ", ".join(names)
    message = refused(
        books,
        f"INSERT INTO payments_charge (public_id, state, {columns}) "
        f"SELECT 'ch_again', 'processing', {columns} FROM payments_charge WHERE late_of_id = %s",
        operation.charge_id,
    )
    assert "late_success_is_booked_once" in message


def at_once(many: int, ask: Callable[[int], object]) -> list[str]:
    """What each of many threads came to: "done", or the error's class."""
    gate = threading.Barrier(many)

    def run(number: int) -> str:
        gate.wait()
        try:
            ask(number)
            return "done"
        except TollgateError as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(many) as pool:
        return sorted(pool.map(run, range(many)))


def test_twenty_confirmations_are_one_attempt(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    asked = NewIntent(10_000, "usd", source="pm_card_visa")
    intent = json.loads(create_intent(caller=caller, asked=asked, key=key("i")).body)["id"]
    # Half of them as browsers, without a key.
    answers = at_once(
        20,
        lambda number: confirm_intent(
            caller=caller, intent=intent, asked=Confirmation(), key=key(f"k{number}") if number % 2 else None
        ),
    )
    assert answers == ["UnexpectedState"] * 19 + ["done"]
    assert Charge.objects.filter(payment_intent__public_id=intent).count() == 1
    assert balances(caller) == {"pending": 10_000 - 320}


def test_capture_and_cancellation_race_and_one_wins(caller: Caller, held: Charge, key: Any) -> None:
    intent = held.payment_intent.public_id

    def ask(number: int) -> object:
        if number % 2:
            return capture_intent(caller=caller, intent=intent, amount_minor=None, key=key(f"c{number}"))
        return cancel_intent(caller=caller, intent=intent, reason="", key=key(f"x{number}"))

    assert at_once(8, ask).count("done") == 1
    state = PaymentIntent.objects.get(public_id=intent).state
    assert balances(caller) == ({"pending": 10_000 - 320} if state == "succeeded" else {})


def test_two_refunds_of_sixty_on_a_hundred_are_one(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    answer = create_and_confirm(
        caller=caller, asked=NewIntent(10_000, "usd", source="pm_card_visa"), key=key("p")
    )
    intent = json.loads(answer.body)["id"]
    asked = NewRefund(payment_intent=intent, amount_minor=6_000)
    answers = at_once(6, lambda number: create_refund(caller=caller, asked=asked, key=key(f"r{number}")))
    assert answers == ["RefundExceedsCharge"] * 5 + ["done"]
    assert Refund.objects.filter(merchant_id=caller.merchant_id).count() == 1


def test_a_cardholder_and_a_cancellation_race_and_one_wins(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [ActionRequired("auth_1", "http://bank.test/challenge/1")]
    answer = create_and_confirm(
        caller=caller, asked=NewIntent(10_000, "usd", source="pm_card_visa"), key=key("p")
    )
    intent = json.loads(answer.body)["id"]

    def ask(number: int) -> object:
        if number % 2:
            return answer_challenge(intent)
        return cancel_intent(caller=caller, intent=intent, reason="", key=key(f"x{number}"))

    at_once(6, ask)
    state = PaymentIntent.objects.get(public_id=intent).state
    assert state in ("succeeded", "canceled")
    assert balances(caller) == ({"pending": 10_000 - 320} if state == "succeeded" else {})
