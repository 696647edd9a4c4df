"""A merchant's server: real HTTP on loopback, told how to behave."""

import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import stripe


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    def event(self, secret: str, *, tolerance_seconds: int = 300) -> Any:
        """As a merchant reads it; the SDK refuses a wrong signature, and an old one."""
        signature = self.headers["Stripe-Signature"]
        return stripe.Webhook.construct_event(self.body, signature, secret, tolerance=tolerance_seconds)


class Receiver:
    """`status`, `location`, `retry_after`, `answer` and `delay_seconds` may be changed at any time."""

    def __init__(self, *, port: int = 0, status: int = 200, delay_seconds: float = 0) -> None:
        self.status = status
        self.location = ""
        self.retry_after = ""
        self.answer = b"thank you"
        self.delay_seconds = delay_seconds
        self.received: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(self.path, dict(self.headers), body, time.monotonic()))
                receiver.closing.wait(receiver.delay_seconds)
                try:
                    self.send_response(receiver.status)
                    if receiver.location:
                        self.send_header("Location", receiver.location)
                    if receiver.retry_after:
                        self.send_header("Retry-After", receiver.retry_after)
                    self.send_header("Content-Length", str(len(receiver.answer)))
                    self.end_headers()
                    self.wfile.write(receiver.answer)
                except OSError:
                    self.close_connection = True  # the sender has given up on us

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 200

            def handle_error(self, *_: Any) -> None:
                return  # a sender that was killed

        self.closing = threading.Event()
        self._server = Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/hooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def wait_for(self, number: int, *, seconds: float) -> None:
        end = time.monotonic() + seconds
        while len(self.received) < number and time.monotonic() < end:
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
