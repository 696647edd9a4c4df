"""A processor that says what the test wrote down for it, in order; then yes to everything. It speaks the same
protocol as the real adapters and, like a real bank, does each reference once."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from core.ids import new_id
from processors.protocol import (
    Approved,
    Capabilities,
    AuthorizationRequest,
    CaptureRequest,
    CompletionRequest,
    NotFound,
    Notification,
    NotificationRefused,
    Outcome,
    RefundRequest,
    Tombstoned,
    VoidRequest,
)
from processors.vault import TokenDetails

Line = Outcome | Callable[[], Outcome]


class ScriptedBank:
    name = "sandbox"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.script: list[Line] = []
        self.lookups: list[Outcome | NotFound] = []
        self.done: dict[str, Outcome] = {}
        self._lock = threading.Lock()

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome:
        return self._say(request.reference, request.amount_minor)

    def complete(self, request: CompletionRequest, *, timeout_seconds: float) -> Outcome:
        return self._say(request.reference, request.amount_minor)

    def void(self, request: VoidRequest, *, timeout_seconds: float) -> Outcome:
        return self._say(request.reference, request.amount_minor)

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome:
        return self._say(request.reference, request.amount_minor)

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome:
        return self._say(request.reference, request.amount_minor)

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        if self.lookups:
            return self.lookups.pop(0)
        return self.done.get(reference, NotFound())

    def void_by_reference(self, reference: str, *, timeout_seconds: float) -> Outcome:
        return self.done.setdefault(reference, Tombstoned())

    def read_notification(self, *, body: bytes, headers: Mapping[str, str], now: float) -> Notification:
        told = json.loads(body)
        if headers.get("signature") != "scripted":
            raise NotificationRefused("not signed")
        return Notification(told["id"], told["reference"], told.get("kind", ""))

    def _say(self, reference: str, amount_minor: int) -> Outcome:
        with self._lock:
            line = self.script.pop(0) if self.script else None
        if callable(line):
            return line()
        if line is not None:
            return line
        yes = Approved(f"auth_{reference}", amount_minor, authorization_code="123456", checks={"cvc": "pass"})
        return self.done.setdefault(reference, yes)


class ScriptedVault:
    """Knows every token, as a Visa."""

    def token(self, token_id: str, merchant: str, livemode: bool) -> TokenDetails | None:
        shown: dict[str, Any] = {}
        return TokenDetails(
            id=token_id,
            livemode=livemode,
            used=False,
            static=True,
            card_id=new_id("card"),
            brand="visa",
            last4="4242",
            exp_month=12,
            exp_year=2034,
            fingerprint="f",
            funding="credit",
            country="US",
            cvc_check="pass",
            billing_details={},
            object=shown,
        )
