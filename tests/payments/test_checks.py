"""`verify_ledger` sees doubt without an operation, and a state that the timeline does not know."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from merchants.auth import Caller
from payments.checks import charges_are_where_their_timeline_says, unconfirmed_money_has_its_open_operations
from payments.models import Charge, Operation
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from processors.protocol import Unknown
from tests.conftest import Books
from tests.support.scripted import ScriptedBank


@pytest.fixture
def open_charge(caller: Caller, bank: ScriptedBank, key: Any) -> Charge:
    paid = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("paid"))
    bank.script += [Unknown("no answer"), Unknown("no answer")]
    create_refund(caller=caller, asked=NewRefund(charge=json.loads(paid.body)["id"]), key=key("r"))
    create_charge(caller=caller, asked=NewCharge(700, "usd", "tok_visa"), key=key("open"))
    return Charge.objects.get(merchant_id=caller.merchant_id, state="processing")


def test_open_operations_account_for_all_doubt(open_charge: Charge) -> None:
    assert list(unconfirmed_money_has_its_open_operations()) == []
    assert list(charges_are_where_their_timeline_says()) == []
    call_command("verify_ledger", "--quiet")


def test_doubt_that_no_operation_explains_is_found(books: Books, open_charge: Charge) -> None:
    """An operation closed behind the ledger's back, by one who could switch the guards off."""
    pk = Operation.objects.get(charge=open_charge).pk
    close = "UPDATE payments_operation SET state = %s, next_attempt_at = %s WHERE id = %s"
    with books.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(close, ["declined", None, pk])
        found = list(unconfirmed_money_has_its_open_operations())
        with pytest.raises((CommandError, SystemExit)):
            call_command("verify_ledger", "--quiet")
        connection.execute(
            "UPDATE payments_operation SET state='unknown', next_attempt_at=now() WHERE id=%s", [pk]
        )
    assert [finding.subject for finding in found] == ["processor:sandbox:unconfirmed USD"]
    assert "7.00 USD" in found[0].message


def test_a_state_without_its_story_is_found(books: Books, open_charge: Charge) -> None:
    with books.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE payments_charge SET state = 'failed' WHERE id = %s", [open_charge.pk])
        found = list(charges_are_where_their_timeline_says())
        connection.execute("UPDATE payments_charge SET state = 'processing' WHERE id = %s", [open_charge.pk])
    assert [finding.subject for finding in found] == [open_charge.public_id]
