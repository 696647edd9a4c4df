"""Charges a gateway as fast as it answers, or at a given rate however slow it is. One thread, plain sockets and
ready-made requests: what it costs is taken from the same two cores that it measures."""

import re
import select
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.processor import SLEEPS

AMOUNT_MINOR = 10_000
# Beyond the slowest bank and the gateway's own patience with its pool.
GIVE_UP_SECONDS = 30.0
MOST_EVENTS = 256

HEAD = """POST /v1/charges HTTP/1.1\r
Host: 127.0.0.1:{port}\r
User-Agent: Stripe/v1 PythonBindings/16.1.0\r
Stripe-Version: 2026-10-28.endive\r
X-Stripe-Client-User-Agent: {{"bindings_version": "16.1.0", "lang": "python", "publisher": "stripe"}}\r
Authorization: Bearer {key}\r
Content-Type: application/x-www-form-urlencoded\r
Idempotency-Key: """
FORM = f"amount={AMOUNT_MINOR}&currency=usd&source=tok_visa&description=Order+%d&metadata[order]=%d%s"
CHARGE = re.compile(rb'\{"id":"(ch_\w+)"')
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Answer(NamedTuple):
    """One charge that was answered 200. `began` is when it was due, not when a socket was free for it."""

    order: int
    charge: str
    began: float
    ended: float
    bank_seconds: float

    @property
    def overhead_seconds(self) -> float:
        return self.ended - self.began - self.bank_seconds


@dataclass(slots=True)
class Line:
    """A connection that is kept, with the one request that may be under way on it."""

    socket: socket.socket
    order: int = 0
    began: float = 0.0
    bank_seconds: float = 0.0
    received: bytes = b""


@dataclass
class Load:
    """Orders are numbered through all runs, so that each answer can be told to be its own order's."""

    port: int
    key: str
    answers: list[Answer] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    most_in_flight: int = 0
    _orders: int = 0
    _busy: dict[int, Line] = field(default_factory=dict)
    _idle: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._head = HEAD.format(port=self.port, key=self.key).encode()
        self._poll = select.epoll()

    @property
    def not_answered(self) -> int:
        """Orders whose charge may be there or not: refused, cut off or given up."""
        return self.refusals.total()

    def close(self) -> None:
        for line in (*self._idle, *self._busy.values()):
            line.socket.close()
        self._poll.close()

    def keep_busy(self, *, in_flight: int, seconds: float) -> float:
        """As many charges as it takes, always so many under way. Answers per second until the end."""
        before, began = len(self.answers), time.monotonic()
        for _ in range(in_flight):
            self._send(began)
        while (now := time.monotonic()) < began + seconds:
            for _ in self._finished(began + seconds - now):
                self._send(time.monotonic())
        in_time = len(self.answers) - before
        self._drain()
        return in_time / seconds

    def arrive(self, *, per_second: float, seconds: float, bank_seconds: Callable[[], float]) -> float:
        """So many arrivals per second, whatever becomes of those before; when the first one was due."""
        began = time.monotonic()
        total = int(per_second * seconds)
        for number in range(total):
            due = began + number / per_second
            self._wait_until(due)
            self._send(due, bank_seconds())
        self._drain()
        return began

    def _send(self, due: float, bank_seconds: float = 0.0) -> None:
        line = self._idle.pop() if self._idle else self._connect()
        self._orders += 1
        line.order, line.began, line.bank_seconds = self._orders, due, bank_seconds
        sleeps = f"&statement_descriptor={SLEEPS.rstrip()}+{bank_seconds:.3f}" if bank_seconds else ""
        body = FORM % (line.order, line.order, sleeps)
        request = f"{uuid.uuid4()}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        self._busy[line.socket.fileno()] = line
        self.most_in_flight = max(self.most_in_flight, len(self._busy))
        line.socket.sendall(self._head + request.encode())

    def _connect(self) -> Line:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self._poll.register(connection.fileno(), select.EPOLLIN)
        return Line(connection)

    def _wait_until(self, due: float) -> None:
        """Takes what has come, also when it is late already: or connections would be opened for nothing."""
        while True:
            for _ in self._finished(max(0.0, due - time.monotonic())):
                pass
            if time.monotonic() >= due:
                return

    def _drain(self) -> None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while self._busy and time.monotonic() < deadline:
            for _ in self._finished(1.0):
                pass
        for line in self._busy.values():
            self.refusals["no answer"] += 1
            line.socket.close()
        self._busy.clear()

    def _finished(self, wait_seconds: float) -> Iterator[None]:
        """Waits, takes what has come, and stops once for each request that is over."""
        for descriptor, _ in self._poll.poll(wait_seconds, MOST_EVENTS):
            line = self._busy.get(descriptor)
            if line is None:
                # An idle connection was closed by the server.
                self._forget(descriptor)
            elif self._receive(line):
                yield

    def _receive(self, line: Line) -> bool:
        """True when the request is over: answered, refused or cut off."""
        data = line.socket.recv(65536)
        if not data:
            del self._busy[line.socket.fileno()]
            line.socket.close()
            self.refusals["connection closed"] += 1
            return True
        data = line.received = line.received + data
        if not _is_whole(data):
            return False
        del self._busy[line.socket.fileno()]
        self._idle.append(line)
        line.received = b""
        self._note(line, data)
        return True

    def _note(self, line: Line, data: bytes) -> None:
        ended = time.monotonic()
        charge = CHARGE.search(data)
        if data.startswith(b"HTTP/1.1 200 ") and charge and b'"order":"%d"' % line.order in data:
            self.answers.append(Answer(line.order, charge[1].decode(), line.began, ended, line.bank_seconds))
        else:
            self.refusals[data.partition(b" ")[2][:600].decode(errors="replace")] += 1

    def _forget(self, descriptor: int) -> None:
        for line in self._idle:
            if line.socket.fileno() == descriptor:
                self._idle.remove(line)
                line.socket.close()
                return


def _is_whole(data: bytes) -> bool:
    """Whether an answer has come to its end: by its length, or by its last chunk."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    if length := LENGTH.search(data, 0, head_end + 2):
        return len(data) >= head_end + 4 + int(length[1])
    return data.endswith(b"\r\n0\r\n\r\n")
