"""The sandbox bank as a real process on a free port, and a client that speaks to it as a caller would."""

import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 20.0
APPROVING_CARD = "4242424242424242"
AUTHENTICATING_CARD = "4000002760003184"
RETURNING_CARD = "4000000000005126"

_numbers = itertools.count(1)


class Response(NamedTuple):
    status: int
    body: dict[str, Any]


def new_reference() -> str:
    return f"op_{secrets.token_hex(4)}_{next(_numbers)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(holds: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def card(number: str = APPROVING_CARD, **changes: Any) -> dict[str, Any]:
    return {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"} | changes


class Page(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str]


def _page(response: urllib3.BaseHTTPResponse) -> Page:
    return Page(response.status, response.data.decode(), response.headers)


class SandboxBank:
    """Start, stop, kill, start again on the same data; the port stays. Its log goes to `log`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.options = options
        self.data = folder / "bank.sqlite3"
        self.log = folder / "bank.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        # A call must never be repeated by the client on its own: the tests count.
        self.http = urllib3.PoolManager(maxsize=64, retries=False)

    def command(self) -> list[str]:
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--data", str(self.data)]
        return [sys.executable, "-m", "sandbox", *self.options, *where]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command(), cwd=ROOT, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the bank ended: {self.log.read_text()[-2000:]}")
            try:
                if self.http.request("GET", f"{self.url}/health", timeout=1).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        self.stop(signal.SIGKILL)
        raise RuntimeError(f"the bank did not answer in {START_SECONDS} s")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """The exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            os.kill(self._process.pid, how)
        try:
            code = self._process.wait(timeout=10)
        finally:
            self._process.kill()
        self._process = None
        self.http.clear()
        return code

    def call(
        self, method: str, path: str, body: object = None, *, timeout: float = 20, key: str = "sandbox"
    ) -> Response:
        response = self.http.request(
            method,
            self.url + path,
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {key}"},
            timeout=timeout,
        )
        return Response(response.status, response.json())

    def authorize(
        self,
        reference: str,
        amount: int = 10000,
        *,
        number: str = APPROVING_CARD,
        capture: bool = False,
        timeout: float = 20,
        more: dict[str, Any] | None = None,
        **card_changes: Any,
    ) -> Response:
        body = {
            "reference": reference,
            "amount": amount,
            "currency": "usd",
            "capture": capture,
            **(more or {}),
        }
        return self.call(
            "POST", "/v1/authorizations", body | {"card": card(number, **card_changes)}, timeout=timeout
        )

    def complete(self, authorization: str, amount: int = 10000, reference: str = "") -> Response:
        return self._follow("completions", reference, {"authorization": authorization, "amount": amount})

    def challenge(self, *, reference: str = "", capture: bool = False, **more: Any) -> dict[str, Any]:
        """An authorization of 100.00 that waits for its cardholder; `more` goes into its order."""
        body = self.authorize(
            reference or new_reference(), number=AUTHENTICATING_CARD, capture=capture, more=more
        ).body
        assert body["status"] == "action_required", body
        return body

    def page(self, url: str) -> Page:
        return _page(self.http.request("GET", url))

    def answer(self, url: str, outcome: str | None) -> Page:
        """What a browser sends when a button was pressed."""
        fields = {} if outcome is None else {"outcome": outcome}
        return _page(self.http.request("POST", url, fields=fields, encode_multipart=False, redirect=False))

    def capture(self, authorization: str, amount: int, reference: str = "") -> Response:
        return self._follow("captures", reference, {"authorization": authorization, "amount": amount})

    def void(self, authorization: str, reference: str = "") -> Response:
        return self._follow("voids", reference, {"authorization": authorization})

    def refund(self, authorization: str, amount: int, reference: str = "") -> Response:
        return self._follow("refunds", reference, {"authorization": authorization, "amount": amount})

    def tombstone(self, reference: str) -> Response:
        return self.call("POST", "/v1/tombstones", {"reference": reference})

    def look_up(self, reference: str) -> Response:
        return self.call("GET", f"/v1/operations/{reference}")

    def fault(self, fault: str, match: dict[str, Any] | None = None, **options: Any) -> str:
        response = self.call("POST", "/control/faults", {"fault": fault, "match": match or {}} | options)
        assert response.status == 200, response.body
        fault_id: str = response.body["id"]
        return fault_id

    def clear_faults(self) -> None:
        self.call("DELETE", "/control/faults")

    def behave(self) -> None:
        self.clear_faults()
        self.notify("normal")
        self.refunds_fail_after(2)

    def notify(self, mode: str, **more: Any) -> None:
        assert self.call("POST", "/control/notifications", {"mode": mode, **more}).status == 200

    def notifications(self, reference: str) -> list[dict[str, Any]]:
        """The oldest first."""
        listed: list[dict[str, Any]]
        listed = self.call("GET", f"/control/notifications?reference={reference}").body["notifications"]
        return listed[::-1]

    def refunds_fail_after(self, seconds: float) -> None:
        answer = self.call("POST", "/control/settings", {"refund_fails_after_seconds": seconds})
        assert answer == (200, {"refund_fails_after_seconds": seconds})

    def counts(self, reference: str | None = None) -> dict[str, Any]:
        return self.call("GET", "/control/counts" + (f"?reference={reference}" if reference else "")).body

    def _follow(self, path: str, reference: str, body: dict[str, Any]) -> Response:
        return self.call("POST", f"/v1/{path}", {"reference": reference or new_reference()} | body)
