"""Rubbish at every route: a clear 4xx in JSON, never a 5xx, never a hang, never somebody else's answer."""

import json
import socket
import threading

import psycopg
import pytest

from merchants.services import NewMerchant
from tests.conftest import Books
from tests.support.client import Client
from tests.support.processes import System

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
MULTIPART = b"multipart/form-data; boundary=x"


@pytest.fixture
def client(system: System, shop: NewMerchant) -> Client:
    return Client(system.web.url, shop.keys["sk_test"])


def raw(url: str, request: bytes) -> tuple[int, bytes]:
    """Status and body of whatever comes back within ten seconds."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def request(client: Client, method: bytes, path: bytes, body: bytes = b"", **headers: bytes) -> bytes:
    wanted = {
        b"Host": b"127.0.0.1",
        b"Connection": b"close",
        b"Authorization": b"Bearer " + client.key.encode(),
        b"Content-Type": FORM,
        b"Content-Length": b"%d" % len(body),
    } | {name.replace("_", "-").encode(): value for name, value in headers.items()}
    lines = [b"%s: %s" % item for item in wanted.items() if item[1]]
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", *lines, b"", body])


BODIES = {
    "a deep hash": (b'{"metadata":' + b'{"a":' * 800 + b"1" + b"}" * 801, JSON),
    "a deep list": (b'{"metadata":' + b"[" * 800 + b"]" * 800 + b"}", JSON),
    "a giant number": (b'{"amount":' + b"9" * 5_000 + b"}", JSON),
    "infinity": (b'{"amount":1e400}', JSON),
    "half a character": (
        b'{"description":"\\ud800","amount":100,"currency":"usd","source":"tok_visa"}',
        JSON,
    ),
    "a list": (b"[1]", JSON),
    "null": (b"null", JSON),
    "utf-16": ('{"a":1}'.encode("utf-16"), JSON),
    "a strange expand": (b'{"expand":[1,{}]}', JSON),
    "a giant index": (b"metadata[" + b"1" * 5_000 + b"]=x", FORM),
    "a giant amount": (b"amount=" + b"9" * 6_000, FORM),
    "another encoding": (b"a=\xff", FORM),
    "no name": (b"[]=1&=2", FORM),
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
        b"multipart/form-data; boundary=x",
    ),
}
QUERIES = [
    b"limit=abc",
    b"created[gt]=99999999999999",
    b"starting_after=%00",
    b"%ff=1",
    b"a[" + b"1" * 5_000 + b"]=1",
]
ROUTES = [
    b"/v1/charges",
    b"/v1/charges/ch_x",
    b"/v1/charges/ch_x/capture",
    b"/v1/charges/ch_x/refunds",
    b"/v1/charges/ch_%00x/capture",
    b"/v1/tokens",
    b"/v1/tokens/%00",
    b"/v1/payment_methods",
    b"/v1/refunds",
    b"/v1/refunds/%00",
    b"/v1/webhook_endpoints",
    b"/v1/webhook_endpoints/%00",
    b"/v1/events",
    b"/v1/events/%00",
    b"/v1/nowhere",
    b"/v1",
    b"//v1/charges",
]


def test_rubbish_is_a_clear_4xx_on_every_route(system: System, client: Client) -> None:
    wrong = []
    for route in ROUTES:
        tries = {
            f"POST {name} {kind}": request(
                client, b"POST", route, body, Content_Type=content, Idempotency_Key=key
            )
            for name, (body, content) in BODIES.items()
            for kind, key in (
                ("with a key", b"k-" + name.encode() + route.replace(b"%", b"")),
                ("without", b""),
            )
        }
        tries |= {
            method.decode(): request(client, method, route, Content_Length=b"")
            for method in (b"GET", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
        }
        for query in (
            b"limit=abc",
            b"created[gt]=99999999999999",
            b"starting_after=%00",
            b"%ff=1",
            b"a[" + b"1" * 5000 + b"]=1",
        ):
            tries[f"GET ?{query[:20]!r}"] = request(client, b"GET", route + b"?" + query, Content_Length=b"")
        for name, sent in tries.items():
            status, body = raw(system.web.url, sent)
            try:
                json.loads(body)
            except ValueError:
                status = -status
            if not 200 <= status < 500:
                wrong.append(f"{route.decode()} {name}: {status}")
    assert not wrong, "\n".join(wrong)


def test_a_publishable_key_gets_nothing_that_a_secret_key_was_answered(
    system: System, shop: NewMerchant, client: Client
) -> None:
    browser = Client(system.web.url, shop.keys["pk_test"])
    hook = {"url": "http://127.0.0.1:9/hook", "enabled_events[]": "*"}
    client.charge(idempotency_key="order-1")
    client.post("/v1/webhook_endpoints", hook, idempotency_key="setup")
    for reply in (
        browser.charge(idempotency_key="order-1"),
        browser.charge(idempotency_key="order-1", amount=5_000),
        browser.post("/v1/webhook_endpoints", hook, idempotency_key="setup"),
    ):
        assert (reply.status, reply.json()["error"]["code"]) == (401, "secret_key_required")
        assert b"whsec" not in reply.body


@pytest.mark.parametrize("content", [FORM, JSON], ids=["form", "json"])
def test_a_body_of_ten_megabytes_is_a_clear_4xx(system: System, client: Client, content: bytes) -> None:
    """It is refused by its length, before it has come: nothing is made of its beginning."""
    told, begun = (
        {"Content_Type": content, "Content_Length": b"10000000"},
        b'{"a":"9' if content == JSON else b"a=9",
    )
    for route in (b"/v1/charges", b"/v1/charges/ch_x/capture", b"/v1/tokens", b"/v1/webhook_endpoints"):
        for key in (b"", b"k-large"):
            sent = request(client, b"POST", route, begun, Idempotency_Key=key, **told)
            status, answer = raw(system.web.url, sent)
            assert status == 413 and "larger than" in json.loads(answer)["error"]["message"], (route, answer)
    assert raw(system.web.url, request(client, b"POST", b"/notifications/sandbox", begun, **told))[0] == 400


def test_a_chunked_body_is_not_an_empty_one(system: System, client: Client) -> None:
    """Read as empty it would capture everything."""
    held = client.charge(capture="false").json()["id"]
    chunks = b"a\r\namount=500\r\n0\r\n\r\n"
    sent = request(
        client,
        b"POST",
        f"/v1/charges/{held}/capture".encode(),
        chunks,
        Content_Length=b"",
        Transfer_Encoding=b"chunked",
        Idempotency_Key=b"c",
    )
    status, _ = raw(system.web.url, sent)
    assert status == 411
    assert client.get(f"/v1/charges/{held}").json()["captured"] is False


def test_an_empty_amount_is_not_all_of_it(client: Client) -> None:
    charge = client.charge().json()["id"]
    for reply in (
        client.post("/v1/refunds", {"charge": charge, "amount": ""}),
        client.charge(capture=""),
        client.charge(amount=""),
    ):
        assert (reply.status, reply.json()["error"]["code"]) == (400, "parameter_invalid_empty")
    assert client.get(f"/v1/charges/{charge}").json()["amount_refunded"] == 0


def test_a_card_number_is_no_source(client: Client) -> None:
    refused = client.charge(source="4242424242424242")
    assert refused.status == 400
    assert b"4242424242424242" not in refused.body


def test_a_frozen_transaction_does_not_take_everybody_down(
    system: System, client: Client, system_books: Books
) -> None:
    """A process that stands still between its lock and its commit: those who wait for it give up in time."""
    charge = client.charge().json()["id"]
    answers: list[int] = []

    def refund(number: int) -> None:
        fields = {"charge": charge, "amount": 1}
        answers.append(client.post("/v1/refunds", fields, idempotency_key=f"f{number}").status)

    with psycopg.connect(system_books.servers.application_url("system")) as frozen:
        frozen.execute("SELECT 1 FROM payments_charge WHERE public_id = %s FOR NO KEY UPDATE", [charge])
        waiting = [threading.Thread(target=refund, args=(number,)) for number in range(24)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join(30)
        assert set(answers) == {503} and len(answers) == len(waiting)
        assert client.charge().status == 200
        frozen.rollback()
    assert client.post("/v1/refunds", {"charge": charge, "amount": 1}, idempotency_key="f0").status == 200
