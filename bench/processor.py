"""A bank inside the web process, so that the benchmark measures the gateway and its database alone. It says yes:
at once, or after the seconds that the charge's statement descriptor tells. Only `bench.settings` names it."""

import time
from collections.abc import Mapping
from typing import Any

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
    RefundRequest,
    Tombstoned,
    VoidRequest,
)

SLEEPS = "SLEEPS "


class InProcessBank:
    """See `processors.protocol.Processor`."""

    def __init__(self, *, name: str, **unused: Any) -> None:
        self.name = name
        self.capabilities = Capabilities()

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome:
        if request.descriptor.startswith(SLEEPS):
            time.sleep(float(request.descriptor.removeprefix(SLEEPS)))
        return Approved(f"auth_{request.reference}", request.amount_minor, authorization_code="123456")

    def complete(self, request: CompletionRequest, *, timeout_seconds: float) -> Outcome:
        return Approved(request.processor_id, request.amount_minor)

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome:
        return Approved(f"cap_{request.reference}", request.amount_minor)

    def void(self, request: VoidRequest, *, timeout_seconds: float) -> Outcome:
        return Approved(request.processor_id, request.amount_minor)

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome:
        return Approved(f"ref_{request.reference}", request.amount_minor)

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        return NotFound()

    def void_by_reference(self, reference: str, *, timeout_seconds: float) -> Outcome:
        return Tombstoned()

    def read_notification(self, *, body: bytes, headers: Mapping[str, str], now: float) -> Notification:
        raise NotificationRefused("this bank sends none")
