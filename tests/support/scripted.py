"""A processor that says what the test wrote down for it, in order; then yes to everything. It speaks the same
protocol as the real adapters and, like a real bank, does each reference once."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from core.ids import new_id
from processors.protocol import (
    Approved,
    AuthorizationRequest,
    Capabilities,
    CaptureRequest,
    CompletionRequest,
    NotFound,
    Notification,
    NotificationRefused,
    Outcome,
    PayoutRequest,
    RefundRequest,
    Tombstoned,
    VoidRequest,
)
from processors.vault import TokenDetails

Line = Outcome | Callable[[], Outcome]
Request = (
    AuthorizationRequest | CompletionRequest | CaptureRequest | VoidRequest | RefundRequest | PayoutRequest
)


class ScriptedBank:
    """`asked` are the calls in their order: what was asked for, and the request."""

    def __init__(self, name: str = "sandbox", capabilities: Capabilities | None = None) -> None:
        self.name = name
        self.capabilities = capabilities or Capabilities(payouts=True)
        self.script: list[Line] = []
        self.lookups: list[Outcome | NotFound] = []
        self.done: dict[str, Outcome] = {}
        self.asked: list[tuple[str, Request]] = []
        self._lock = threading.Lock()

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome:
        return self._say("authorize", request, f"auth_{request.reference}")

    def complete(self, request: CompletionRequest, *, timeout_seconds: float) -> Outcome:
        return self._say("complete", request, request.processor_id)

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome:
        return self._say("capture", request, f"cap_{request.reference}")

    def void(self, request: VoidRequest, *, timeout_seconds: float) -> Outcome:
        return self._say("void", request, f"void_{request.reference}")

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome:
        return self._say("refund", request, f"ref_{request.reference}")

    def pay_out(self, request: PayoutRequest, *, timeout_seconds: float) -> Outcome:
        return self._say("pay_out", request, f"po_{request.reference}")

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
        return Notification(told["id"], told["reference"], told.get("kind", ""), told.get("dispute_id", ""))

    def _say(self, what: str, request: Request, processor_id: str) -> Outcome:
        with self._lock:
            self.asked.append((what, request))
            line = self.script.pop(0) if self.script else None
        if callable(line):
            return line()
        if line is not None:
            return line
        yes = Approved(
            processor_id, request.amount_minor, authorization_code="123456", checks={"cvc": "pass"}
        )
        return self.done.setdefault(request.reference, yes)


# First and last digits of the test cards whose verdict is always the same, by a part of their tokens' names.
DIGITS = {"riskLevelElevated": ("400000", "9235"), "radarBlock": ("410000", "0019")}


class ScriptedVault:
    """Knows every token, as a Visa."""

    def token(self, token_id: str, merchant: str, livemode: bool) -> TokenDetails | None:
        shown: dict[str, Any] = {}
        bin, last4 = DIGITS.get(token_id.rpartition("_")[2], ("424242", "4242"))
        return TokenDetails(
            id=token_id,
            livemode=livemode,
            used=False,
            static=True,
            card_id=new_id("card"),
            brand="visa",
            last4=last4,
            exp_month=12,
            exp_year=2034,
            fingerprint="f",
            funding="credit",
            country="US",
            cvc_check="pass",
            billing_details={},
            object=shown,
            bin=bin,
        )
