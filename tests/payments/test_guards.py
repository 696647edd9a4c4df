"""What PostgreSQL refuses by itself, whoever asks: raw SQL as the superuser, the owner and the application. The moves
of states are in test_transitions.py."""

import json
from typing import Any

import psycopg
import pytest

from merchants.auth import Caller
from payments.models import Charge, Operation
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from tests.conftest import Books
from tests.support.scripted import ScriptedBank

APPEND_ONLY = [
    "ledger_entry",
    "ledger_transaction",
    "payments_timelineentry",
    "webhooks_event",
]
KEPT = [
    "payments_balancetransaction",
    "payments_charge",
    "payments_paymentintent",
    "payments_operation",
    "payments_refund",
    "merchants_merchant",
]


@pytest.fixture
def charge(caller: Caller, bank: ScriptedBank, key: Any) -> Charge:
    """Captured, 100.00 USD, 10.00 of it refunded."""
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    public_id = json.loads(answer.body)["id"]
    create_refund(caller=caller, asked=NewRefund(charge=public_id, amount_minor=1_000), key=key("r"))
    return Charge.objects.get(public_id=public_id)


def refuse(books: Books, sql: str, *values: object, by: str = "superuser") -> str:
    with getattr(books, by)() as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(sql, values)
    return str(raised.value)


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_history_can_not_be_rewritten(books: Books, charge: Charge, table: str, by: str) -> None:
    for attack in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        refuse(books, attack, by=by)


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
@pytest.mark.parametrize("table", KEPT)
def test_money_rows_stay(books: Books, charge: Charge, table: str, by: str) -> None:
    for attack in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        refuse(books, attack, by=by)


def test_a_state_needs_its_timeline_row(books: Books, caller: Caller, bank: ScriptedBank, key: Any) -> None:
    """Even an allowed step is refused at the commit when nothing tells of it."""
    from processors.protocol import Unknown

    bank.script.append(Unknown("no answer"))
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    charge = Charge.objects.get(merchant_id=caller.merchant_id)
    message = refuse(books, "UPDATE payments_charge SET state = 'failed' WHERE id = %s", charge.pk)
    assert "without a timeline row" in message


def test_a_timeline_row_of_another_transaction_does_not_count(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    from processors.protocol import Unknown

    bank.script.append(Unknown("no answer"))
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    charge = Charge.objects.get(merchant_id=caller.merchant_id)
    with books.superuser() as connection:
        connection.execute(
            "INSERT INTO payments_timelineentry (payment_intent_id, merchant_id, livemode, kind, charge_id, "
            "charge_state) VALUES (%s, %s, false, 'forged', %s, 'failed')",
            [charge.payment_intent_id, charge.merchant_id, charge.pk],
        )
    message = refuse(books, "UPDATE payments_charge SET state = 'failed' WHERE id = %s", charge.pk)
    assert "without a timeline row" in message


@pytest.mark.parametrize("column", ["amount_minor", "currency", "livemode", "merchant_id", "public_id"])
def test_what_a_charge_is_about_never_changes(books: Books, charge: Charge, column: str) -> None:
    new = {"amount_minor": 1, "currency": "eur", "livemode": True, "merchant_id": 0, "public_id": "x"}[column]
    refuse(books, f"UPDATE payments_charge SET {column} = %s WHERE id = %s", new, charge.pk)


def test_what_was_captured_is_said_once(books: Books, charge: Charge) -> None:
    refuse(books, "UPDATE payments_charge SET captured_minor = 9999 WHERE id = %s", charge.pk)
    refuse(books, "UPDATE payments_charge SET fee_minor = 0 WHERE id = %s", charge.pk)


REFUND = """
    INSERT INTO payments_refund
        (public_id, merchant_id, livemode, payment_intent_id, charge_id, state, amount_minor, currency)
    SELECT 're_' || gen_random_uuid(), merchant_id, livemode, payment_intent_id, id, 'pending', %s, %s
    FROM payments_charge WHERE id = %s
"""


@pytest.mark.parametrize("amount_minor", [9_001, 0, -1])
def test_a_refund_can_not_exceed_what_is_left(books: Books, charge: Charge, amount_minor: int) -> None:
    refuse(books, REFUND, amount_minor, "usd", charge.pk)


def test_a_refund_has_its_charges_currency(books: Books, charge: Charge) -> None:
    refuse(books, REFUND, 100, "eur", charge.pk)


def test_a_kept_answer_stays_as_it_is(books: Books, charge: Charge) -> None:
    refuse(books, "UPDATE idempotency_claim SET body = '{}' WHERE answered_at IS NOT NULL")
    refuse(books, "TRUNCATE idempotency_claim CASCADE")


def test_the_applications_role_owns_no_table(books: Books) -> None:
    with books.application() as connection:
        owned = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE tableowner = current_user"
        ).fetchone()
    assert owned == (0,)


def test_the_applications_role_can_not_enter_the_vaults_database(books: Books) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(books.servers.application_url("tollgate_vault"))


def test_one_open_call_per_charge(books: Books, charge: Charge) -> None:
    """Two captures, or a capture and a void, can not be on their way at once."""
    columns = ", ".join(
        str(field.column)
        for field in Operation._meta.concrete_fields
        if field.column not in ("id", "public_id", "state", "next_attempt_at", "finished_at", "answer")
    )
    copy = (
        f"INSERT INTO payments_operation (public_id, state, next_attempt_at, {columns}) "
        f"SELECT %s, 'processing', now(), {columns} FROM payments_operation "
        f"WHERE charge_id = %s AND kind = 'sale'"
    )
    with books.superuser() as connection:
        connection.autocommit = False
        connection.execute(copy, ["op_1", charge.pk])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(copy, ["op_2", charge.pk])
