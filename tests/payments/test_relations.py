"""No foreign key holds a payment's rows together; PostgreSQL refuses a row without its parent all the same."""

from typing import Any

import psycopg
import pytest
from psycopg.errors import ForeignKeyViolation, RestrictViolation

from merchants.auth import Caller
from payments.models import Charge, Operation, PaymentIntent, TimelineEntry
from payments.services.charge import NewCharge, create_charge
from tests.conftest import Books
from tests.support.scripted import ScriptedBank

NOBODY = 2**40
TELL = """
    INSERT INTO payments_timelineentry (payment_intent_id, merchant_id, livemode, kind, charge_id, operation_id,
        intent_state, charge_state, operation_state)
    VALUES (%(intent)s, %(merchant)s, false, 'forged', %(charge)s, %(operation)s,
        'processing', 'processing', 'processing')
"""


@pytest.fixture
def charge(caller: Caller, bank: ScriptedBank, key: Any) -> Charge:
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    return Charge.objects.get(merchant_id=caller.merchant_id)


def forge(connection: psycopg.Connection, model: Any, pk: int, **changes: Any) -> int:
    """A copy of the row, as it would be born, with `changes`; its new id."""
    fresh = {"public_id": f"forged_{changes}"[:40], "state": "processing", **changes}
    if model is Charge:
        fresh = {"captured_minor": None, "next_look_at": None, **fresh}
    if model is Operation:
        fresh = {"next_attempt_at": "now", **fresh}
    kept = [
        str(field.column)
        for field in model._meta.concrete_fields
        if field.column not in fresh and field.column != "id"
    ]
    row = connection.execute(
        f"INSERT INTO {model._meta.db_table} ({', '.join([*fresh, *kept])}) "
        f"SELECT {', '.join(['%s'] * len(fresh) + kept)} FROM {model._meta.db_table} WHERE id = %s RETURNING id",
        [*fresh.values(), pk],
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
def test_a_payment_is_of_a_merchant_who_exists(books: Books, charge: Charge, by: str) -> None:
    with getattr(books, by)() as connection, pytest.raises(ForeignKeyViolation), connection.transaction():
        intent = forge(connection, PaymentIntent, charge.payment_intent_id, merchant_id=NOBODY)
        connection.execute(TELL, {"intent": intent, "merchant": NOBODY, "charge": None, "operation": None})


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
@pytest.mark.parametrize(
    "wrong", [{"payment_intent_id": NOBODY}, {"merchant_id": NOBODY}, {"livemode": True}]
)
def test_a_charge_is_of_an_intent_of_its_merchant_and_mode(
    books: Books, charge: Charge, wrong: dict[str, Any], by: str
) -> None:
    with getattr(books, by)() as connection, pytest.raises(ForeignKeyViolation), connection.transaction():
        forged = forge(connection, Charge, charge.pk, **wrong)
        intent = wrong.get("payment_intent_id", charge.payment_intent_id)
        connection.execute(
            TELL, {"intent": intent, "merchant": charge.merchant_id, "charge": forged, "operation": None}
        )


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
@pytest.mark.parametrize(
    "wrong",
    [{"charge_id": NOBODY}, {"payment_intent_id": NOBODY}, {"merchant_id": NOBODY}, {"livemode": True}],
)
def test_an_operation_is_of_a_charge_of_its_payment(
    books: Books, charge: Charge, wrong: dict[str, Any], by: str
) -> None:
    operation = charge.operations.get()
    with getattr(books, by)() as connection, pytest.raises(ForeignKeyViolation), connection.transaction():
        forged = forge(connection, Operation, operation.pk, **wrong)
        intent = wrong.get("payment_intent_id", charge.payment_intent_id)
        connection.execute(
            TELL, {"intent": intent, "merchant": charge.merchant_id, "charge": charge.pk, "operation": forged}
        )


@pytest.mark.parametrize("missing", ["intent", "charge", "operation"])
def test_a_timeline_row_tells_of_what_is_there(books: Books, charge: Charge, missing: str) -> None:
    told = {"intent": charge.payment_intent_id, "charge": charge.pk, "operation": charge.operations.get().pk}
    with books.superuser() as connection:
        connection.execute(TELL, {**told, "merchant": charge.merchant_id})
        with pytest.raises(ForeignKeyViolation):
            connection.execute(TELL, {**told, "merchant": charge.merchant_id, missing: NOBODY})


@pytest.mark.parametrize("model", [PaymentIntent, Charge, Operation, TimelineEntry])
def test_what_others_name_keeps_its_id(books: Books, charge: Charge, model: Any) -> None:
    with books.superuser() as connection, pytest.raises(RestrictViolation):
        connection.execute(f"UPDATE {model._meta.db_table} SET id = id + {NOBODY}")


def test_merchants_keep_their_ids(books: Books, charge: Charge) -> None:
    with books.superuser() as connection, pytest.raises(RestrictViolation):
        connection.execute("UPDATE merchants_merchant SET id = id + %s", [NOBODY])


def test_a_booking_is_of_a_merchant_who_exists(books: Books, charge: Charge) -> None:
    with books.superuser() as connection, pytest.raises(ForeignKeyViolation), connection.transaction():
        header = connection.execute(
            "INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id) "
            "VALUES ('forged', 'forged', false, %s) RETURNING id",
            [NOBODY],
        ).fetchone()
        assert header is not None
        connection.execute(
            "INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor) "
            "SELECT %(header)s, id, currency, amount FROM ledger_account, (VALUES (1), (-1)) AS line (amount) "
            "WHERE id = (SELECT min(id) FROM ledger_account WHERE merchant_id IS NULL AND NOT livemode)",
            {"header": header[0]},
        )


def test_a_temporary_table_can_not_tell_of_a_state(books: Books, charge: Charge) -> None:
    operation = charge.operations.get()
    with books.superuser() as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE payments_timelineentry (LIKE public.payments_timelineentry)"
        )
        with (
            pytest.raises(psycopg.errors.CheckViolation, match="without a timeline row"),
            connection.transaction(),
        ):
            forged = forge(connection, Operation, operation.pk)
            connection.execute(
                "INSERT INTO pg_temp.payments_timelineentry (id, payment_intent_id, merchant_id, livemode, kind, "
                "charge_id, operation_id, operation_state, xid, created_at, actor, reason, request_id, intent_state, "
                "charge_state, refund_state, payout_state, dispute_state, data) "
                "VALUES (1, %s, %s, false, 'forged', %s, %s, 'processing', "
                "pg_current_xact_id(), now(), '', '', '', '', '', '', '', '', '{}')",
                [charge.payment_intent_id, charge.merchant_id, charge.pk, forged],
            )
