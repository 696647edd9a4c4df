"""Balance and payouts with the official SDK, against the running system and its bank."""

from collections.abc import Iterator

import pytest
import stripe

from merchants.services import NewMerchant
from payments.services.bank_accounts import name_bank_account
from tests.support.eventually import eventually
from tests.support.processes import System

GOOD = "000123456789"
RETURNED = "000555555559"


@pytest.fixture(autouse=True)
def sdk(system: System, shop: NewMerchant) -> Iterator[None]:
    stripe.api_base = system.web.url
    stripe.api_key = shop.keys["sk_test"]
    stripe.max_network_retries = 0
    stripe.enable_telemetry = False
    yield
    stripe.api_key = None


def earn(shop: NewMerchant, account: str = GOOD) -> stripe.Charge:
    """96.80 that are available at once, and an account for them."""
    name_bank_account(
        shop.merchant,
        livemode=False,
        currency="usd",
        holder="A shop",
        country="US",
        routing_number="110000000",
        account_number=account,
    )
    return stripe.Charge.create(amount=10_000, currency="usd", source="tok_bypassPending")


def available() -> int:
    return sum(part.amount for part in stripe.Balance.retrieve().available)


def test_a_payout_arrives(shop: NewMerchant) -> None:
    earn(shop)
    assert available() == 9_680
    payout = stripe.Payout.create(amount=5_000, currency="usd", metadata={"a": "b"})
    assert (payout.object, payout.status, payout.amount) == ("payout", "pending", 5_000)
    assert payout.metadata is not None and payout.metadata["a"] == "b"
    assert available() == 4_680
    eventually(lambda: stripe.Payout.retrieve(payout.id).status == "paid", seconds=60)
    shown = stripe.Payout.retrieve(payout.id, expand=["balance_transaction", "destination"])
    assert (shown.balance_transaction.amount, shown.balance_transaction.type) == (-5_000, "payout")  # type: ignore[union-attr]
    assert (shown.destination.last4, shown.destination.object) == ("6789", "bank_account")  # type: ignore[union-attr]
    assert [row.id for row in stripe.Payout.list(status="paid").data] == [payout.id]
    assert [row.id for row in stripe.Payout.list(arrival_date={"gt": payout.arrival_date}).data] == []
    assert stripe.BalanceTransaction.list(type="payout").data[0].source == payout.id
    types = [event.type for event in stripe.Event.list(type="payout.*").data]
    assert set(types) >= {"payout.created", "payout.paid"}


def test_a_payout_that_comes_back_can_be_paid_out_anew(shop: NewMerchant) -> None:
    earn(shop, RETURNED)
    payout = stripe.Payout.create(amount=9_680, currency="usd")
    assert available() == 0
    eventually(lambda: stripe.Payout.retrieve(payout.id).status == "failed", seconds=60)
    shown = stripe.Payout.retrieve(payout.id, expand=["failure_balance_transaction"])
    assert shown.failure_code == "account_closed"
    assert shown.failure_balance_transaction.net == 9_680  # type: ignore[union-attr]
    assert available() == 9_680


def test_more_than_is_available_is_refused(shop: NewMerchant) -> None:
    earn(shop)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Payout.create(amount=9_681, currency="usd")
    assert raised.value.code == "balance_insufficient"


def test_a_payout_can_be_described_and_not_reversed(shop: NewMerchant) -> None:
    earn(shop)
    payout = stripe.Payout.create(amount=100, currency="usd")
    described = stripe.Payout.modify(payout.id, metadata={"k": "v"})
    assert described.metadata is not None and described.metadata["k"] == "v"
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Payout.reverse(payout.id)


def test_balance_transactions_are_listed_and_found(shop: NewMerchant) -> None:
    charge = earn(shop)
    listed = stripe.BalanceTransaction.list(currency="usd", source=charge.id).data
    assert [(row.type, row.net, row.status) for row in listed] == [("charge", 9_680, "available")]
    found = stripe.BalanceTransaction.retrieve(listed[0].id, expand=["source"])
    assert found.source.id == charge.id  # type: ignore[union-attr]
