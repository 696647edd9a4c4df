"""One idempotency key, one charge: from many threads, after a crash of Redis, with another body."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.models import LedgerEntry, LedgerTransaction
from merchants.services import NewMerchant
from payments.models import Charge, Operation
from tests.conftest import Books
from tests.support.bank import Bank
from tests.support.client import Client, Reply
from tests.support.processes import System


@pytest.fixture
def client(system: System, shop: NewMerchant) -> Client:
    return Client(system.web.url, shop.keys["sk_test"])


def until_answered(client: Client, key: str) -> Reply:
    """As an SDK does it: a 409 that says so is repeated."""
    while True:
        reply = client.charge(idempotency_key=key)
        if reply.status != 409:
            return reply
        assert reply.json()["error"]["code"] == "idempotency_key_in_use"
        assert reply.headers["Stripe-Should-Retry"] == "true"


def test_twenty_threads_with_one_key_make_one_charge_and_redis_is_not_needed_for_that(
    client: Client, shop: NewMerchant, bank: Bank, system_books: Books
) -> None:
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: until_answered(client, "one-key"), range(20)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    check_one_charge(shop, bank)

    valkey = system_books.servers.valkey
    assert until_answered(client, "one-key").headers["Idempotent-Replayed"] == "true"
    valkey.stop()
    try:
        again = until_answered(client, "one-key")
    finally:
        valkey.start()
    flushed = until_answered(client, "one-key")
    assert {again.body, flushed.body} == {replies[0].body}
    assert again.headers["Idempotent-Replayed"] == flushed.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == flushed.headers["Original-Request"]
    check_one_charge(shop, bank)


def check_one_charge(shop: NewMerchant, bank: Bank) -> None:
    operation = Operation.objects.get(merchant=shop.merchant)
    assert Charge.objects.filter(merchant=shop.merchant).count() == 1
    assert bank.counts(operation.public_id)["authorize"] == 1
    booked = LedgerTransaction.objects.filter(merchant=shop.merchant)
    assert booked.count() == 2
    assert LedgerEntry.objects.filter(transaction__in=booked).count() == 7


def test_another_body_under_the_same_key_is_refused(client: Client) -> None:
    client.charge(idempotency_key="k")
    other = client.charge(idempotency_key="k", amount=10_001)
    assert (other.status, other.json()["error"]["type"]) == (400, "idempotency_error")
    invalid = client.charge(idempotency_key="k", amount="a lot")
    assert (invalid.status, invalid.json()["error"]["type"]) == (400, "idempotency_error")
    elsewhere = client.post("/v1/refunds", {"charge": "ch_x"}, idempotency_key="k")
    assert (elsewhere.status, elsewhere.json()["error"]["type"]) == (400, "idempotency_error")


def test_the_same_parameters_as_json_are_the_same_request(client: Client) -> None:
    first = client.charge(idempotency_key="k")
    body = b'{"source": "tok_visa", "amount": 10000, "currency": "usd"}'
    second = client.send("POST", "/v1/charges", body, content_type="application/json", idempotency_key="k")
    assert second.body == first.body
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_decline_is_kept_and_replayed(client: Client, bank: Bank, shop: NewMerchant) -> None:
    first = client.charge(idempotency_key="k", source="tok_visa_chargeDeclined")
    again = client.charge(idempotency_key="k", source="tok_visa_chargeDeclined")
    assert (first.status, again.status) == (402, 402)
    assert again.body == first.body
    assert Operation.objects.filter(merchant=shop.merchant).count() == 1


def test_a_refused_request_does_not_use_up_its_key(client: Client) -> None:
    assert client.charge(idempotency_key="k", amount=1).status == 400
    assert client.charge(idempotency_key="k").status == 200


def test_money_does_not_move_without_a_key(client: Client) -> None:
    refused = client.charge(idempotency_key="")
    assert refused.status == 400
    assert "Idempotency-Key" in refused.json()["error"]["message"]


def test_a_used_token_does_not_spoil_the_replay(client: Client) -> None:
    card = {"card[number]": "4242424242424242", "card[exp_month]": 1, "card[exp_year]": 2040}
    made = client.post("/v1/tokens", card).json()["id"]
    first = client.charge(idempotency_key="k", source=made)
    again = client.charge(idempotency_key="k", source=made)
    assert first.status == 200
    assert again.body == first.body


def test_a_slow_request_is_not_doubled_but_answered_409(
    client: Client, bank: Bank, shop: NewMerchant
) -> None:
    bank.fault("latency", match={"kind": "authorize"}, seconds=1.5, times=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.charge, idempotency_key="k")
        while not Operation.objects.filter(merchant=shop.merchant).exists():
            pass
        second = client.charge(idempotency_key="k")
        assert (second.status, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
        assert slow.result().status == 200
    assert Operation.objects.filter(merchant=shop.merchant).count() == 1
