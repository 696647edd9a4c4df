"""What the gateway's host does with calls that bear a card."""

from collections.abc import Iterator

import pytest

from gateway.addresses import free_port
from gateway.child import Child
from gateway.plan import wsgi_server
from processors.vault import VaultClient
from tests.support.processes import Process, python
from tests.support.servers import ROOT, SHARED_SECRET
from tests.vault.room import VISA, Merchant, Reply, Room, card_fields, post_form, send


def site(room: Room, vault_url: str, name: str) -> Process:
    port = free_port()
    known = python(
        {"VAULT_URL": vault_url, "VAULT_SHARED_SECRET": SHARED_SECRET, "REDIS_URL": room.valkey.url()}
    )
    command = wsgi_server("tests.vault.passthrough_site:application", port, workers=1, threads=16)
    return Process(Child(name, command, known, folder=ROOT), room.folder / f"{name}.log", port)


@pytest.fixture(scope="module")
def gateway(room: Room, vault: Process) -> Iterator[Process]:
    process = site(room, vault.url, "passthrough")
    process.start()
    yield process
    process.stop()


def token(gateway: Process, merchant: str, number: str = VISA, *, key: str = "", mode: str = "0") -> Reply:
    headers = {"Test-Caller": f"{merchant} {mode}", **({"Idempotency-Key": key} if key else {})}
    return post_form(f"{gateway.url}/v1/tokens", card_fields(number), headers)


def test_a_test_card_becomes_the_callers_token(
    gateway: Process, merchant: Merchant, client: VaultClient
) -> None:
    reply = token(gateway, merchant.id)
    assert (reply.status, reply.body["object"]) == (200, "token")
    assert reply.headers["Content-Type"] == "application/json"
    assert client.token(reply.body["id"], merchant.id, False) is not None


def test_a_payment_method_is_passed_on_too(gateway: Process, merchant: Merchant) -> None:
    url = f"{gateway.url}/v1/payment_methods"
    reply = post_form(url, {**card_fields(), "type": "card"}, {"Test-Caller": f"{merchant.id} 0"})
    assert (reply.status, reply.body["object"]) == (200, "payment_method")


def test_errors_come_back_as_the_vault_gave_them(gateway: Process, merchant: Merchant) -> None:
    reply = token(gateway, merchant.id, "4242424242424241")
    assert (reply.status, reply.error["code"]) == (402, "incorrect_number")
    assert reply.headers["Stripe-Should-Retry"] == "false"


def test_a_repeat_under_the_same_key_is_replayed(gateway: Process, merchant: Merchant) -> None:
    first, second = (token(gateway, merchant.id, key="a-key") for _ in range(2))
    assert second.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_real_card_is_refused(gateway: Process, merchant: Merchant) -> None:
    reply = token(gateway, merchant.id, "4539148803436467")
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert "vault's own address" in reply.error["message"]


def test_live_mode_is_refused_unread(gateway: Process, merchant: Merchant) -> None:
    reply = token(gateway, merchant.id, mode="1")
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert "vault's own address" in reply.error["message"]


def test_without_a_caller_the_next_layer_answers(gateway: Process) -> None:
    reply = post_form(f"{gateway.url}/v1/tokens", card_fields(), {})
    assert reply.body["reached"] == "/v1/tokens"


@pytest.mark.parametrize("path", ["/v1/charges", "/v1/tokens/tok_visa", "/v1/payment_methods/pm_1/attach"])
def test_other_calls_go_on_with_their_bodies(gateway: Process, merchant: Merchant, path: str) -> None:
    reply = post_form(gateway.url + path, {"a": "b"}, {"Test-Caller": f"{merchant.id} 0"})
    assert reply.body == {"reached": path, "body": "a=b"}


def test_bodies_are_bounded_and_measured(gateway: Process, merchant: Merchant) -> None:
    # A server that refuses a body unread ends the connection; nobody may send on it again.
    url, caller = f"{gateway.url}/v1/tokens", {"Test-Caller": f"{merchant.id} 0", "Connection": "close"}
    assert send("POST", url, b"x" * 65_537, caller).status == 413
    chunked = send("POST", url, b"1\r\nx\r\n0\r\n\r\n", caller | {"Transfer-Encoding": "chunked"})
    assert (chunked.status, chunked.error["type"]) == (411, "invalid_request_error")
    assert send("POST", url, b"", caller).error["param"] == "card"


def test_a_vault_that_is_away_is_a_503_to_repeat(room: Room, closed_port: int, merchant: Merchant) -> None:
    alone = site(room, f"http://127.0.0.1:{closed_port}", "passthrough-alone")
    alone.start()
    try:
        reply = token(alone, merchant.id)
    finally:
        alone.stop()
    assert (reply.status, reply.headers["Stripe-Should-Retry"]) == (503, "true")


def test_the_gateways_log_shows_no_card(gateway: Process, merchant: Merchant) -> None:
    token(gateway, merchant.id)
    token(gateway, merchant.id, "4539148803436467")
    assert "4242424242" not in gateway.log.read_text()
    assert "45391488" not in gateway.log.read_text()
