"""One call has one deadline, whatever the other side does with its answer."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from core.http import MAX_ANSWER_BYTES, Answer, ConnectionBroken, Http, NoAnswer, NoConnection

Script = Callable[[socket.socket], None]


class RawServer:
    """Says what a script says to each request, byte for byte."""

    def __init__(self) -> None:
        self.script: Script = whole
        self.requests = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection):
            try:
                # Headers and body may come apart.
                while piece := connection.recv(65_536):
                    if piece.endswith(b"{}"):
                        self.requests += 1
                        self.script(connection)
            except OSError:
                pass


def whole(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Said: yes\r\n\r\n{}")


def drips(connection: socket.socket, text: bytes) -> None:
    """A byte at a time, each within any timeout of a single read."""
    for number in range(len(text)):
        connection.sendall(text[number : number + 1])
        time.sleep(0.05)


def drips_its_headers(connection: socket.socket) -> None:
    drips(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000)


def drips_its_content(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    drips(connection, b" " * 1000)


def drips_in_chunks(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"1\r\n \r\n")
        time.sleep(0.05)


def never_ends(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b" " * 65_536)


def breaks_off(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status":')
    connection.shutdown(socket.SHUT_RDWR)


def redirects(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 307 Temporary\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")


def says_no_http(connection: socket.socket) -> None:
    connection.sendall(b"\x00\x01\x02\r\n\r\n")
    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


def call(server: RawServer, *, timeout_seconds: float = 5) -> Answer:
    return Http().call("POST", server.url, headers={}, body=b"{}", timeout_seconds=timeout_seconds)


@pytest.mark.parametrize("script", [drips_its_headers, drips_its_content, drips_in_chunks, never_ends])
def test_the_deadline_is_for_the_whole_answer(server: RawServer, script: Script) -> None:
    server.script = script
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        call(server, timeout_seconds=0.5)
    assert time.monotonic() - began < 2


def test_a_slow_answer_that_is_whole_in_time_is_an_answer(server: RawServer) -> None:
    server.script = lambda connection: drips(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert call(server).status == 200


def test_no_answer_is_longer_than_it_may_be(server: RawServer) -> None:
    def says_too_much(connection: socket.socket) -> None:
        length = MAX_ANSWER_BYTES + 1
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + b" " * length)

    server.script = says_too_much
    with pytest.raises(NoAnswer):
        call(server)


@pytest.mark.parametrize("script", [breaks_off, says_no_http, lambda connection: connection.close()])
def test_a_connection_that_broke_is_no_answer(server: RawServer, script: Script) -> None:
    server.script = script
    with pytest.raises(ConnectionBroken):
        call(server)
    assert server.requests == 1


def test_redirects_are_answers(server: RawServer) -> None:
    server.script = redirects
    assert call(server).status == 307
    assert server.requests == 1


def test_connections_are_used_again_and_each_call_has_its_own_time(server: RawServer) -> None:
    http, began = Http(), time.monotonic()
    while time.monotonic() - began < 0.6:
        answer = http.call("POST", server.url, headers={}, body=b"{}", timeout_seconds=0.3)
        assert (answer.status, answer.content, answer.headers["x-said"]) == (200, b"{}", "yes")
        time.sleep(0.1)
    assert server.requests > 2


def test_where_nobody_listens_nothing_was_sent() -> None:
    with ExitStack() as stack:
        held = stack.enter_context(socket.socket())
        held.bind(("127.0.0.1", 0))
        for url in (f"http://127.0.0.1:{held.getsockname()[1]}/", "http://nobody.invalid/"):
            with pytest.raises(NoConnection):
                Http().call("POST", url, headers={}, body=b"{}", timeout_seconds=3)
