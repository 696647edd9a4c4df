"""A processor that does what a test tells it: answers, hangs, or breaks off. It keeps what really arrived."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Behaviour = Callable[["Arrival"], None]


class Arrival(BaseHTTPRequestHandler):
    """One request that arrived whole. Behaviours write to it, or don't."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    body: Any

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        is_form = self.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
        self.body = dict(parse_qsl(content.decode(), strict_parsing=True)) if is_form else json.loads(content)
        with self.server.lock:
            self.server.arrived.append((self.body, self.headers))
        self.server.behaviour(self)

    def answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Arrival)
        self.behaviour = behaviour
        self.arrived: list[tuple[Any, Any]] = []
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A vault that is killed in the middle is what some tests are about."""


class ScriptedProcessor:
    """Runs in a thread of the test. `arrived` are the bodies in their order."""

    def __init__(self) -> None:
        self._server = Server(echo)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def arrived(self) -> list[Any]:
        return [body for body, _ in self._server.arrived]

    @property
    def headers(self) -> list[Any]:
        return [headers for _, headers in self._server.arrived]

    def behave(self, behaviour: Behaviour) -> None:
        self._server.behaviour = behaviour

    def reset(self) -> None:
        self._server.arrived.clear()
        self._server.behaviour = echo

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def echo(arrival: Arrival) -> None:
    """Sends back what came, as no processor should."""
    arrival.answer(200, {"status": "approved", "got": arrival.body})


def says(status: int, body: Any) -> Behaviour:
    return lambda arrival: arrival.answer(status, body)


def hangs_up(arrival: Arrival) -> None:
    arrival.hang_up()


def waits(seconds: float) -> Behaviour:
    def behave(arrival: Arrival) -> None:
        time.sleep(seconds)
        arrival.answer(200, {"status": "approved"})

    return behave


def breaks_off(arrival: Arrival) -> None:
    """Promises more than it sends."""
    arrival.send_response(200)
    arrival.send_header("Content-Type", "application/json")
    arrival.send_header("Content-Length", "500")
    arrival.end_headers()
    arrival.wfile.write(b'{"status": "approved"')
    arrival.hang_up()


def trickles(arrival: Arrival) -> None:
    """A byte at a time, each within any timeout of a single read."""
    arrival.send_response(200)
    arrival.send_header("Content-Length", "1000")
    arrival.end_headers()
    try:
        for _ in range(1000):
            arrival.wfile.write(b" ")
            arrival.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def trickles_its_headers(arrival: Arrival) -> None:
    try:
        for number in range(100):
            arrival.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: "[number : number + 1] or b"x")
            arrival.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def redirects_to(url: str) -> Behaviour:
    def behave(arrival: Arrival) -> None:
        arrival.send_response(307)
        arrival.send_header("Location", url)
        arrival.send_header("Content-Length", "0")
        arrival.end_headers()

    return behave


def says_no_json(arrival: Arrival) -> None:
    arrival.send_response(200)
    arrival.send_header("Content-Length", "6")
    arrival.end_headers()
    arrival.wfile.write(b"<html>")
