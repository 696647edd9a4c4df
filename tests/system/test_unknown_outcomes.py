"""An outcome that nobody knows is never taken for a failure, and is closed by the bank's own word."""

import pytest

from ledger.queries import trial_balance
from merchants.services import NewMerchant
from payments.models import Charge, Operation, TimelineEntry
from tests.support.bank import Bank
from tests.support.client import Client
from tests.support.eventually import eventually
from tests.support.processes import System


@pytest.fixture
def client(system: System, shop: NewMerchant) -> Client:
    return Client(system.web.url, shop.keys["sk_test"])


@pytest.fixture(autouse=True)
def no_word_from_the_bank(bank: Bank) -> None:
    """Its notifications would end the doubt at once."""
    bank.notify("lost")


def closed(shop: NewMerchant, kind: str = "sale") -> Operation:
    """The merchant's operation of that kind, once the sweeper has closed it."""
    return eventually(
        lambda: Operation.objects.filter(merchant=shop.merchant, kind=kind, next_attempt_at=None).first(),
        seconds=60,
        what="the sweeper",
    )


def unconfirmed(shop: NewMerchant) -> int:
    rows = [row for row in trial_balance() if shop.merchant.public_id in row.address]
    return sum(row.debit - row.credit for row in rows if row.address.endswith(":unconfirmed"))


def test_a_charge_without_an_answer_is_pending_until_the_bank_tells(
    client: Client, shop: NewMerchant, bank: Bank
) -> None:
    faults = ["no_answer", "drop_after", "drop", "error_before", "error_after"]
    charges: dict[str, str] = {}
    for fault in faults:
        bank.fault(fault, match={"kind": "authorize"}, times=1)
        pending = client.charge(idempotency_key=fault)
        assert (pending.status, pending.json()["status"]) == (200, "pending"), fault
        assert pending.json()["failure_code"] is None
        charges[fault] = pending.json()["id"]
    operations = Operation.objects.filter(merchant=shop.merchant)
    eventually(
        lambda: not operations.filter(next_attempt_at__isnull=False).exists(), seconds=60, what="the sweeper"
    )
    for fault in faults:
        operation = operations.get(charge__public_id=charges[fault])
        assert operation.state == "succeeded", fault
        assert bank.counts(operation.public_id)["authorize"] == 1, fault
        answer = client.charge(idempotency_key=fault)
        assert (answer.json()["status"], answer.json()["id"]) == ("succeeded", charges[fault])
        assert answer.headers["Idempotent-Replayed"] == "true"
    assert unconfirmed(shop) == 0


def test_a_retry_while_the_outcome_is_open_asks_the_bank_at_once(
    client: Client, shop: NewMerchant, bank: Bank
) -> None:
    bank.fault("drop_after", match={"kind": "authorize"}, times=1)
    assert client.charge(idempotency_key="k").json()["status"] == "pending"
    answer = client.charge(idempotency_key="k")
    assert answer.json()["status"] == "succeeded"
    assert bank.counts(Operation.objects.get(merchant=shop.merchant).public_id)["authorize"] == 1


def test_a_request_that_arrives_late_after_an_unknown_reference_is_still_one_charge(
    client: Client, shop: NewMerchant, bank: Bank
) -> None:
    bank.fault("late_arrival", match={"kind": "authorize"}, seconds=10, times=1)
    assert client.charge(idempotency_key="k").json()["status"] == "pending"
    operation = closed(shop)
    assert operation.state == "succeeded"
    eventually(lambda: bank.counts(operation.public_id)["calls"]["authorize"] >= 2, what="the late arrival")
    assert bank.counts(operation.public_id)["authorize"] == 1
    assert Charge.objects.filter(merchant=shop.merchant).count() == 1
    assert unconfirmed(shop) == 0


def test_a_refund_without_an_answer_is_pending_and_then_done_once(
    client: Client, shop: NewMerchant, bank: Bank
) -> None:
    charge = client.charge().json()["id"]
    bank.fault("no_answer", match={"kind": "refund"}, times=1)
    pending = client.post("/v1/refunds", {"charge": charge}, idempotency_key="r")
    assert (pending.status, pending.json()["status"]) == (200, "pending")
    operation = closed(shop, "refund")
    assert operation.state == "succeeded"
    assert bank.counts(operation.public_id)["refund"] == 1
    assert client.get(f"/v1/charges/{charge}").json()["refunded"] is True


def test_a_bank_that_is_away_means_a_refusal_and_nothing_in_doubt(
    system: System, client: Client, shop: NewMerchant, bank: Bank
) -> None:
    """No connection was made, so nothing can have been done: the one case that needs no lookup."""
    system.bank.kill()
    system.bank_two.kill()
    try:
        refused = client.charge(idempotency_key="k")
    finally:
        system.bank.start()
        system.bank_two.start()
    assert (refused.status, refused.json()["error"]["code"]) == (402, "processing_error")
    asked = Operation.objects.filter(merchant=shop.merchant).order_by("pk")
    assert [(call.processor, call.state) for call in asked] == [
        ("sandbox", "not_done"),
        ("sandbox_two", "not_done"),
    ]
    assert bank.counts(asked[0].public_id)["authorize"] == 0
    assert unconfirmed(shop) == 0


def test_a_doubt_is_told_on_the_timeline(client: Client, shop: NewMerchant, bank: Bank) -> None:
    bank.fault("drop_after", match={"kind": "authorize"}, times=1)
    client.charge(idempotency_key="k")
    client.charge(idempotency_key="k")
    told = TimelineEntry.objects.filter(merchant=shop.merchant).order_by("pk")
    assert [entry.kind for entry in told] == ["charge.started", "outcome.unknown", "charge.captured"]
    assert told[1].reason
