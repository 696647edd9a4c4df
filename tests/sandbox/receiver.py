"""A real HTTP server that notifications are sent to. It keeps all that arrives, and answers as it is told. To a
browser it is a merchant: the page that a challenge leads back to, over one redirect more."""

import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Arrived:
    at: float
    path: str
    body: bytes
    signature: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    def is_signed_with(self, secret: str) -> bool:
        time_part, _, signed = self.signature.partition(",v1=")
        moment = time_part.removeprefix("t=")
        digest = hmac.new(secret.encode(), f"{moment}.".encode() + self.body, hashlib.sha256).hexdigest()
        return digest == signed and abs(int(moment) - time.time()) < 60


class Receiver:
    def __init__(self, port: int = 0) -> None:
        self.arrived: list[Arrived] = []
        self.statuses: list[int] = []
        self.delay_seconds = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/notifications/sandbox"

    @property
    def start_url(self) -> str:
        return f"http://localhost:{self.port}/return"

    @property
    def end_url(self) -> str:
        """Another origin than the start's."""
        return f"http://127.0.0.1:{self.port}/thanks"

    def about(self, reference: str) -> list[Arrived]:
        return [one for one in list(self.arrived) if one.json["reference"] == reference]

    def types(self, reference: str) -> list[str]:
        return [one.json["type"] for one in self.about(reference)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.delay_seconds)
                receiver.arrived.append(
                    Arrived(time.time(), self.path, body, self.headers["Sandbox-Signature"])
                )
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Location", receiver.url)
                self.end_headers()

            def do_GET(self) -> None:
                if self.path == "/return":
                    self.send_response(302)
                    self.send_header("Location", receiver.end_url)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<link rel=icon href=data:,><h1>Thank you</h1>")

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing: the tests' output is their own."""

        return Handler
