"""Rows made quickly are the rows that a model's constructor makes."""

from typing import Any

import pytest
from django.db.models import Model

from core.rows import new_row
from payments.models import BalanceTransaction, Charge, Operation, PaymentIntent, Refund

INTENT = PaymentIntent(merchant_id=7, amount_minor=100, currency="usd")
CHARGE = Charge(payment_intent=INTENT, merchant_id=7)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (PaymentIntent, {"merchant_id": 7, "livemode": False, "metadata": {"a": "b"}}),
        (Charge, {"payment_intent": INTENT, "state": Charge.State.PROCESSING, "card_exp_month": None}),
        (Operation, {"payment_intent": INTENT, "charge": CHARGE, "kind": Operation.Kind.SALE}),
        (Refund, {"charge": CHARGE}),
        (BalanceTransaction, {"amount_minor": 5, "public_id": "txn_1"}),
    ],
)
def test_a_new_row_is_as_the_constructor_makes_it(model: type[Model], values: dict[str, Any]) -> None:
    quick, usual = vars(new_row(model, **values)), vars(model(**values))
    made_anew = {name for name in usual if name in ("public_id", "_state") and name not in values}
    assert {name: quick[name] for name in usual if name not in made_anew} == {
        name: usual[name] for name in usual if name not in made_anew
    }
    assert quick.keys() == usual.keys()
    assert quick["_state"].adding
    assert quick["_state"].fields_cache == usual["_state"].fields_cache


def test_what_is_made_anew_is_never_shared() -> None:
    one, other = new_row(Charge), new_row(Charge)
    assert one.public_id != other.public_id
    assert one.metadata is not other.metadata


def test_related_rows_are_there_without_a_query() -> None:
    row = new_row(Operation, charge=CHARGE, payment_intent=INTENT)
    assert row.charge is CHARGE
    assert row.payment_intent is INTENT
    assert INTENT.merchant_id == 7


def test_a_saved_related_rows_key_is_known() -> None:
    intent = PaymentIntent(pk=42)
    assert new_row(Charge, payment_intent=intent).payment_intent_id == 42
