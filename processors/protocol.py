"""What the gateway may ask of a processor, and the closed set of what it may hear. No database, no Django."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any, Literal, Protocol, get_args, runtime_checkable


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """`reference` is the processor's idempotency key: the same reference never charges twice.

    `payment` is what the token is spent on: every attempt of one payment may use it, nothing else may.
    `return_url` is where the cardholder's browser comes back after a challenge; `three_d_secure` asks for one
    whatever the card's bank thinks of it.
    """

    reference: str
    payment: str
    amount_minor: int
    currency: str
    capture: bool
    token: str
    merchant: str
    livemode: bool
    descriptor: str
    return_url: str = ""
    three_d_secure: bool = False


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is asked of `processor_id`, an authorization, under a `reference` of its own."""

    reference: str
    processor_id: str
    amount_minor: int
    currency: str


class CompletionRequest(FollowUp):
    """Goes on with `processor_id` after the cardholder's challenge: the money is taken or held now, unless the
    processor has done so by itself already."""


class CaptureRequest(FollowUp):
    """Takes part or all of what `processor_id` holds; the rest is released."""


class VoidRequest(FollowUp):
    """Sets free what `processor_id` holds, or ends its challenge; nothing of it can be captured afterwards."""


class RefundRequest(FollowUp):
    """Gives back part or all of what `processor_id` took."""


@dataclass(frozen=True, slots=True)
class PayoutRequest:
    """Sends what we owe a merchant to their bank account."""

    reference: str
    amount_minor: int
    currency: str
    holder: str
    country: str
    routing_number: str
    account_number: str
    descriptor: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """Done. `amount_minor` is what the processor did, whatever was asked."""

    processor_id: str
    amount_minor: int
    authorization_code: str = ""
    network_transaction_id: str = ""
    checks: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    # The processor pays it out to us at once: so can we.
    available_at_once: bool = False


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
class Pending:
    """The processor took it in and has not decided. Its notification, or a lookup, will tell."""

    processor_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Provably not done: this sending never left us, or the processor says that it turned it away undone, for
    a technical reason. Another processor may be asked. `code` says what of ours was wrong, if anything."""

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


@dataclass(frozen=True, slots=True)
class Failed:
    """It was done, and was undone later by the bank: a refund or a payout that came back. `reason` in Stripe's
    words."""

    processor_id: str
    reason: str
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A payout that is on its account; only Failed may follow, where that bank sends it back."""

    processor_id: str
    amount_minor: int
    raw: Mapping[str, Any] = field(default_factory=dict)


DisputeState = Literal[
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
]
DISPUTE_STATES: frozenset[str] = frozenset(get_args(DisputeState))


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """How a dispute stands, by its processor's word. Moments are in Unix seconds."""

    processor_id: str
    state: DisputeState
    amount_minor: int
    currency: str
    reason: str
    due_by: int | None = None
    network_reason_code: str = ""
    submissions: int = 0
    # Ours, of the authorization that is disputed, where the processor tells it.
    reference: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceDocument:
    """A file that proves something: `id` is ours, and the same content always has the same one."""

    id: str
    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DisputeOrder:
    """What is asked of the dispute `processor_id`: repeated under the same `reference`, it is done once."""

    reference: str
    processor_id: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    # By the names of the fields of evidence that take files.
    files: Mapping[str, EvidenceDocument] = field(default_factory=dict)


Outcome = Approved | Declined | ActionRequired | Pending | NotSent | Unknown | Tombstoned | Failed | Arrived


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a processor can do. `currencies` is None where it takes all of ours."""

    currencies: frozenset[str] | None = None
    partial_capture: bool = True
    three_d_secure: bool = True
    payouts: bool = False


@dataclass(frozen=True, slots=True)
class Notification:
    """A processor's word that something became of our `reference`, or of a dispute that it names by its own id;
    what, is looked up. With neither it is about nothing of ours."""

    id: str
    reference: str
    kind: str
    dispute_id: str = ""


class NotificationRefused(Exception):
    """Not signed by the processor, too old, or not to be understood. The message says which."""


class Processor(Protocol):
    """Calls return an Outcome and raise only for bugs of ours. Every call has a total timeout."""

    name: str
    capabilities: Capabilities

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome: ...

    def complete(self, request: CompletionRequest, *, timeout_seconds: float) -> Outcome:
        """ActionRequired while the challenge is still open; Declined where it was failed."""
        ...

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome: ...

    def void(self, request: VoidRequest, *, timeout_seconds: float) -> Outcome: ...

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome: ...

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        """What became of our reference."""
        ...

    def void_by_reference(self, reference: str, *, timeout_seconds: float) -> Outcome:
        """Tombstoned when the reference will never be done (or was undone); Unknown when that is not certain."""
        ...

    def read_notification(self, *, body: bytes, headers: Mapping[str, str], now: float) -> Notification:
        """Checks signature and age (`now` in Unix seconds); NotificationRefused. Header names in lower case."""
        ...


class PayoutProcessor(Processor, Protocol):
    """A processor with the capability to pay out."""

    def pay_out(self, request: PayoutRequest, *, timeout_seconds: float) -> Outcome:
        """Approved when the bank has taken it in; its arrival is learned by lookups."""
        ...


class NoReport(Exception):
    """The processor has none of that day, or did not give it whole."""


@runtime_checkable
class ReportDesk(Protocol):
    """What a processor offers besides, where its reports can be fetched."""

    def fetch_report(self, day: date, into: IO[bytes]) -> None:
        """The whole settlement report of a day. NoReport; then what is in `into` means nothing."""
        ...


@runtime_checkable
class DisputeDesk(Protocol):
    """What a processor offers besides, where it reports disputes to us. Unknown where it may or may not have been
    done: it is looked up, and asked again."""

    def disputes(self, processor_id: str, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        """All disputes there ever were of an authorization."""
        ...

    def look_up_dispute(self, dispute_id: str, *, timeout_seconds: float) -> DisputeReport | Unknown:
        """One of them, by its own id."""
        ...

    def recent_disputes(self, since: int, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        """All that were opened since a moment, in Unix seconds; each tells its reference, where it is ours."""
        ...

    def submit_evidence(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        """Final: nothing can be added afterwards."""
        ...

    def accept_dispute(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        """Gives in: the dispute is lost."""
        ...
