"""What PostgreSQL refuses of disputes by itself, whoever asks."""

import json
from typing import Any

import psycopg
import pytest

from merchants.auth import Caller
from payments import routing
from payments.attempts import Actor
from payments.models import Charge, Dispute
from payments.services.charge import NewCharge, create_charge
from payments.services.disputes import learn_disputes
from tests.conftest import Books
from tests.payments.test_guards import REFUND
from tests.support.disputing import DisputingBank
from tests.support.scripted import ScriptedVault

COPY = """
    INSERT INTO payments_dispute (public_id, merchant_id, livemode, charge_id, payment_intent_id, state, amount_minor,
        currency, processor, processor_id, next_look_at)
    SELECT 'dp_forged' || random(), merchant_id, livemode, id, payment_intent_id, 'warning_needs_response', 100,
        currency, processor, 'dsp_forged' || random(), now()
    FROM payments_charge WHERE id = %s
"""


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


@pytest.fixture
def dispute(bank: DisputingBank, charge: Charge) -> Dispute:
    bank.dispute(charge.processor_id)
    learn_disputes(charge, Actor("notification:sandbox"))
    return Dispute.objects.get(charge=charge)


@pytest.mark.parametrize("by", ["superuser", "owner", "application"])
def test_disputes_stay(books: Books, dispute: Dispute, by: str) -> None:
    for attack in ("DELETE FROM payments_dispute", "TRUNCATE payments_dispute CASCADE"):
        with getattr(books, by)() as connection, pytest.raises(psycopg.Error):
            connection.execute(attack)
    assert Dispute.objects.filter(pk=dispute.pk).exists()


def test_no_refund_of_disputed_money_by_raw_sql(books: Books, dispute: Dispute) -> None:
    with books.superuser() as connection, pytest.raises(psycopg.errors.CheckViolation, match="disputed"):
        connection.execute(REFUND, [60, "usd", dispute.charge_id])


def test_a_refund_waits_for_the_dispute_that_is_being_booked(books: Books, charge: Charge) -> None:
    """The dispute's transaction holds the charge until it commits."""
    with books.superuser() as first, books.superuser() as second:
        first.execute("BEGIN")
        first.execute(COPY, [charge.pk])
        second.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            second.execute(REFUND, [60, "usd", charge.pk])
        first.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("amount_minor = 1", "append-only|refused|change"),
        ("charge_id = charge_id + 1", "append-only|refused|change"),
        ("processor_id = 'other'", "append-only|refused|change"),
        ("balance_transaction = 'txn_other'", "stays"),
        ("fee_minor = 0", "stays"),
        ("next_look_at = NULL", "open_disputes_are_looked_after"),
        ("wanted = 'submit'", "wanted_orders_have_a_reference"),
        ("reversal_balance_transaction = 'txn_1'", "disputed_money_is_booked"),
        ("state = 'won'", "can not move"),
        ("state = 'under_review'", "without a timeline row"),
    ],
)
def test_what_was_said_and_booked_stays(books: Books, dispute: Dispute, change: str, why: str) -> None:
    with books.superuser() as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(f"UPDATE payments_dispute SET {change} WHERE id = %s", [dispute.pk])
    assert any(word in str(raised.value) for word in why.split("|")), raised.value


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("amount_minor, 100", "dispute_amount_is_positive"),
        ("currency, ", "must be of captured money"),
        ("processor, processor", "must be of captured money"),
    ],
)
def test_a_dispute_fits_its_charge(books: Books, charge: Charge, change: str, why: str) -> None:
    forged = {
        "amount_minor, 100": COPY.replace("'warning_needs_response', 100", "'warning_needs_response', 0"),
        "currency, ": COPY.replace("        currency, processor, 'dsp", "        'eur', processor, 'dsp"),
        "processor, processor": COPY.replace("currency, processor, 'dsp", "currency, 'other', 'dsp"),
    }[change]
    with books.superuser() as connection, pytest.raises(psycopg.errors.CheckViolation, match=why):
        connection.execute(forged, [charge.pk])


def test_a_dispute_is_told_by_the_timeline(books: Books, charge: Charge) -> None:
    with books.superuser() as connection, pytest.raises(psycopg.errors.CheckViolation, match="timeline"):
        connection.execute(COPY, [charge.pk])


def test_a_charge_is_disputed_exactly_when_there_is_a_dispute(
    books: Books, charge: Charge, bank: DisputingBank
) -> None:
    with books.superuser() as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE payments_charge SET disputed = true WHERE id = %s", [charge.pk])
        bank.dispute(charge.processor_id)
        learn_disputes(charge, Actor("x"))
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE payments_charge SET disputed = false WHERE id = %s", [charge.pk])
