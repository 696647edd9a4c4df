"""From a charge to a receiver's door: real worker and beat, a real HTTP server, and Stripe's own verification."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from gateway.addresses import free_port
from merchants.services import NewMerchant
from tests.support.client import Client
from tests.support.eventually import eventually
from tests.support.processes import System


class Receiver:
    """Keeps what it was sent: raw body and signature."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/hook"
        self.received: list[tuple[bytes, str]] = []
        self._server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((body, self.headers["Stripe-Signature"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver(free_port())
    yield receiver
    receiver.close()


@pytest.fixture
def client(system: System, shop: NewMerchant) -> Client:
    return Client(system.web.url, shop.keys["sk_test"])


def subscribe(client: Client, receiver: Receiver) -> str:
    made = client.post("/v1/webhook_endpoints", {"url": receiver.url, "enabled_events[0]": "*"})
    assert made.status == 200, made.body
    return str(made.json()["secret"])


def test_a_charge_and_its_refund_arrive_signed(client: Client, receiver: Receiver) -> None:
    receiver.open()
    secret = subscribe(client, receiver)
    charge = client.charge().json()
    client.post("/v1/refunds", {"charge": charge["id"]})
    eventually(lambda: {"charge.succeeded", "charge.refunded"} <= set(receiver.types()), what="both events")
    for body, signature in receiver.received:
        event = stripe.Webhook.construct_event(body, signature, secret)
        assert event.object == "event"
        if event.type == "charge.succeeded":
            assert event.data.object["id"] == charge["id"]
            assert event.request is not None and event.request.idempotency_key


def test_a_receiver_that_is_down_gets_it_later(client: Client, receiver: Receiver) -> None:
    subscribe(client, receiver)
    client.charge()
    with pytest.raises(AssertionError):
        eventually(lambda: receiver.received, seconds=3)
    receiver.open()
    eventually(lambda: receiver.types() == ["charge.succeeded"], seconds=60, what="the repeated delivery")


def test_a_worker_that_is_killed_loses_no_event(system: System, client: Client, receiver: Receiver) -> None:
    receiver.open()
    subscribe(client, receiver)
    system.worker.kill()
    charges = {client.charge().json()["id"] for _ in range(5)}
    system.worker.start()
    eventually(
        lambda: {json.loads(body)["data"]["object"]["id"] for body, _ in receiver.received} == charges,
        seconds=60,
        what="all five",
    )
