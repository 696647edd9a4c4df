"""What was known of a payment's honesty, and when: by disputes and by refunds, as they were at a moment."""

import json
from datetime import timedelta
from typing import Any

import pytest

from merchants.auth import Caller
from payments.attempts import Actor
from payments.models import Charge, Refund, TimelineEntry
from payments.services.charge import NewCharge, create_charge
from payments.services.disputes import learn_disputes
from payments.services.refund import NewRefund, create_refund
from risk.aftermath import labels_of
from tests.payments.test_disputes import bank as bank
from tests.payments.test_disputes import disputed, learn
from tests.support.disputing import DisputingBank

SECOND = timedelta(seconds=1)


@pytest.fixture
def charge(caller: Caller, bank: DisputingBank, key: Any) -> Charge:
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    return Charge.objects.get(public_id=json.loads(answer.body)["id"])


def steps(charge: Charge) -> list[Any]:
    rows = TimelineEntry.objects.filter(charge=charge, dispute__isnull=False).order_by("pk")
    return list(rows.values_list("created_at", flat=True))


def test_a_dispute_for_fraud_is_fraud_until_the_merchant_has_won(charge: Charge, bank: DisputingBank) -> None:
    assert labels_of([charge.public_id])[charge.public_id].fraud == ()
    dispute = disputed(bank, charge)
    (opened,) = steps(charge)
    label = labels_of([charge.public_id])[charge.public_id]
    assert label.captured and label.fraud == ((opened, None),)
    learn(bank, dispute, "under_review")
    learn(bank, dispute, "won")
    *_, won = steps(charge)
    label = labels_of([charge.public_id])[charge.public_id]
    assert label.fraud == ((opened, won),)
    # Whoever trained in between did not know that it would be won.
    assert [label.is_fraud(at) for at in (opened - SECOND, opened, won)] == [False, True, False]


def test_an_inquiry_is_no_word_of_fraud_before_it_becomes_a_dispute(
    charge: Charge, bank: DisputingBank
) -> None:
    dispute = disputed(bank, charge, "warning_needs_response")
    assert labels_of([charge.public_id])[charge.public_id].fraud == ()
    learn(bank, dispute, "needs_response")
    asked, taken = steps(charge)
    label = labels_of([charge.public_id])[charge.public_id]
    assert label.fraud == ((taken, None),) and not label.is_fraud(asked)


def test_a_refund_says_fraud_from_when_it_was_made_and_other_reasons_say_nothing(
    caller: Caller, charge: Charge, bank: DisputingBank, key: Any
) -> None:
    for number, reason in enumerate(("requested_by_customer", "fraudulent")):
        asked = NewRefund(charge=charge.public_id, amount_minor=1_000, reason=reason)
        create_refund(caller=caller, asked=asked, key=key(f"r{number}"))
    other, fraud = Refund.objects.filter(charge=charge).order_by("pk")
    assert other.reason == "requested_by_customer"
    assert labels_of([charge.public_id])[charge.public_id].fraud == ((fraud.created_at, None),)


def test_a_dispute_for_another_reason_is_none_of_fraud(charge: Charge, bank: DisputingBank) -> None:
    bank.dispute(charge.processor_id, reason="product_not_received")
    assert learn_disputes(charge, Actor("notification:sandbox"))
    assert labels_of([charge.public_id])[charge.public_id].fraud == ()
