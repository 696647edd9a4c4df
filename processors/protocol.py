"""What the gateway may ask of a processor, and the closed set of what it may hear. No database, no Django."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """`reference` is the processor's idempotency key: the same reference never charges twice."""

    reference: str
    amount_minor: int
    currency: str
    capture: bool
    token: str
    merchant: str
    livemode: bool
    descriptor: str


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """Takes part or all of what `processor_id` holds; the rest is released."""

    reference: str
    processor_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Gives back part or all of what `processor_id` took."""

    reference: str
    processor_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Approved:
    """Done. `amount_minor` is what the processor did, whatever was asked."""

    processor_id: str
    amount_minor: int
    authorization_code: str = ""
    network_transaction_id: str = ""
    checks: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declined:
    """Refused, for good: `decline_code` in Stripe's words."""

    decline_code: str
    checks: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionRequired:
    """The cardholder must prove who they are at `redirect_url` first."""

    processor_id: str
    redirect_url: str
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotSent:
    """Provably never left us: nothing can have been done. `code` says what of ours was wrong, if anything."""

    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tombstoned:
    """The processor promises that our reference was not done and never will be."""

    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotFound:
    """The processor does not know our reference: no answer yet, the request may still be on its way."""


Outcome = Approved | Declined | ActionRequired | NotSent | Unknown | Tombstoned


class Processor(Protocol):
    """Calls return an Outcome and raise only for bugs of ours. Every call has a total timeout."""

    name: str

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome: ...

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome: ...

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome: ...

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        """What became of our reference."""
        ...

    def void_by_reference(self, reference: str, *, timeout_seconds: float) -> Outcome:
        """Tombstoned when the reference will never be done (or was undone); Unknown when that is not certain."""
        ...
