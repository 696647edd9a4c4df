"""The adapter of the sandbox bank: JSON over HTTP. Card data is filled in by the vault on the way."""

from collections.abc import Mapping
from datetime import date
from typing import IO, Any, cast

import msgspec

from core.http import Http, NoAnswer, NoConnection
from processors.protocol import (
    DISPUTE_STATES,
    ActionRequired,
    Approved,
    Arrived,
    AuthorizationRequest,
    Capabilities,
    CaptureRequest,
    CompletionRequest,
    Declined,
    DisputeOrder,
    DisputeReport,
    DisputeState,
    EvidenceDocument,
    Failed,
    FollowUp,
    NotFound,
    Notification,
    NotificationRefused,
    NotSent,
    Outcome,
    PayoutRequest,
    RefundRequest,
    Tombstoned,
    Unknown,
    VoidRequest,
)
from processors.reports import download
from processors.signatures import verify
from processors.vault import Answered, ForwardRequest, VaultClient

HEADERS = {"Authorization": "Bearer sandbox", "Content-Type": "application/json"}
CARD = {
    "number": "{{card.number}}",
    "exp_month": "{{card.exp_month}}",
    "exp_year": "{{card.exp_year}}",
    "cvc": "{{card.cvc}}",
}


class SandboxProcessor:
    """See `processors.protocol.Processor`."""

    capabilities = Capabilities(payouts=True)

    def __init__(self, *, name: str, vault: VaultClient, url: str, notification_secret: str = "") -> None:
        self.name = name
        self._vault = vault
        self._url = url
        self._notification_secret = notification_secret
        self._http = Http()

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome:
        order = {
            "reference": request.reference,
            "amount": request.amount_minor,
            "currency": request.currency,
            "capture": request.capture,
            "card": CARD,
            "descriptor": request.descriptor,
        }
        if request.return_url:
            order["return_url"] = request.return_url
        if request.three_d_secure:
            order["three_d_secure"] = True
        forwarded = self._vault.forward(
            ForwardRequest(
                token=request.token,
                merchant=request.merchant,
                livemode=request.livemode,
                reference=request.payment,
                method="POST",
                url=f"{self._url}/v1/authorizations",
                headers=HEADERS,
                body=order,
                timeout_seconds=timeout_seconds,
            )
        )
        if isinstance(forwarded, Answered):
            return _outcome(forwarded.status, forwarded.body)
        return forwarded

    def complete(self, request: CompletionRequest, *, timeout_seconds: float) -> Outcome:
        return self._call("/v1/completions", _order(request), timeout_seconds)

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome:
        return self._call("/v1/captures", _order(request), timeout_seconds)

    def void(self, request: VoidRequest, *, timeout_seconds: float) -> Outcome:
        order = {"reference": request.reference, "authorization": request.processor_id}
        return self._call("/v1/voids", order, timeout_seconds)

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome:
        return self._call("/v1/refunds", _order(request), timeout_seconds)

    def pay_out(self, request: PayoutRequest, *, timeout_seconds: float) -> Outcome:
        order = {
            "reference": request.reference,
            "amount": request.amount_minor,
            "currency": request.currency,
            "holder": request.holder,
            "country": request.country,
            "routing_number": request.routing_number,
            "account_number": request.account_number,
            "descriptor": request.descriptor,
        }
        return self._call("/v1/payouts", order, timeout_seconds)

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        answer = self._send("GET", f"/v1/operations/{reference}", None, timeout_seconds)
        match answer:
            case (404, {"error": "unknown_reference", "tombstoned": True} as body):
                return Tombstoned(raw=body)
            case (404, {"error": "unknown_reference"}):
                return NotFound()
            case (200, body):
                return _outcome(200, body)
            case (int(status), _):
                return Unknown(f"HTTP {status} to the lookup of {reference}")
            case NotSent(reason=reason):
                return Unknown(reason)
            case _:
                return answer

    def void_by_reference(self, reference: str, *, timeout_seconds: float) -> Outcome:
        answer = self._send("POST", "/v1/tombstones", {"reference": reference}, timeout_seconds)
        match answer:
            case (200, {"status": "tombstoned" | "voided"} as body):
                return Tombstoned(raw=body)
            case (200, {"status": "done", "operation": operation}):
                # It was done, and more was built on it since: then it stands.
                return _outcome(200, operation)
            case (int(status), _):
                return Unknown(f"HTTP {status} to the voiding of {reference}")
            case NotSent(reason=reason):
                return Unknown(reason)
            case _:
                return answer

    def disputes(self, processor_id: str, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        return self._listed(f"authorization={processor_id}", timeout_seconds)

    def _listed(self, which: str, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        match self._send("GET", f"/v1/disputes?{which}", None, timeout_seconds):
            case (200, {"disputes": list(listed)}):
                reports = [_dispute(each) for each in listed]
                known = tuple(report for report in reports if report is not None)
                return (
                    known if len(known) == len(reports) else Unknown("a dispute that is not to be understood")
                )
            case (int(status), _):
                return Unknown(f"HTTP {status} instead of the disputes with {which}")
            case NotSent(reason=reason) | Unknown(reason=reason):
                return Unknown(reason)

    def look_up_dispute(self, dispute_id: str, *, timeout_seconds: float) -> DisputeReport | Unknown:
        match self._send("GET", f"/v1/disputes/{dispute_id}", None, timeout_seconds):
            case (200, answer) if report := _dispute(answer):
                return report
            case (int(status), _):
                return Unknown(f"HTTP {status} instead of the dispute {dispute_id}")
            case NotSent(reason=reason) | Unknown(reason=reason):
                return Unknown(reason)

    def recent_disputes(self, since: int, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        return self._listed(f"since={since}", timeout_seconds)

    def submit_evidence(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        evidence = dict(order.evidence)
        for name, document in order.files.items():
            match self._send_file(document, timeout_seconds):
                case (200, {"id": str(file_id)}):
                    evidence[name] = file_id
                case (int(status), _):
                    return Unknown(f"HTTP {status} instead of the file {document.id}")
                case NotSent(reason=reason) | Unknown(reason=reason):
                    return Unknown(reason)
        body = {"reference": order.reference, "submit": True, "evidence": evidence}
        return self._dispute_order(f"/v1/disputes/{order.processor_id}/evidence", body, timeout_seconds)

    def accept_dispute(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        body = {"reference": order.reference}
        return self._dispute_order(f"/v1/disputes/{order.processor_id}/accept", body, timeout_seconds)

    def _dispute_order(
        self, path: str, body: Mapping[str, Any], timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        match self._send("POST", path, body, timeout_seconds):
            case (200, answer) if report := _dispute(answer):
                return report
            case (409, {"error": "not_allowed"}):
                return Declined("not_allowed")
            case (int(status), _):
                return Unknown(f"HTTP {status} instead of the dispute")
            case NotSent(reason=reason) | Unknown(reason=reason):
                return Unknown(reason)

    def fetch_report(self, day: date, into: IO[bytes]) -> None:
        download(f"{self._url}/v1/settlements/{day}", HEADERS, into, of=self.name)

    def read_notification(self, *, body: bytes, headers: Mapping[str, str], now: float) -> Notification:
        verify(body, headers.get("sandbox-signature", ""), self._notification_secret, now=now)
        match _json(body):
            case {"id": str(identity), "reference": str(reference), "type": str(kind)}:
                return Notification(identity, reference, kind)
            case _:
                raise NotificationRefused("The notification has no id, reference and type.")

    def _call(self, path: str, order: Mapping[str, Any], timeout_seconds: float) -> Outcome:
        match self._send("POST", path, order, timeout_seconds):
            case (int(status), answer):
                return _outcome(status, answer)
            case outcome:
                return outcome

    def _send(
        self, method: str, path: str, order: Mapping[str, Any] | None, timeout_seconds: float
    ) -> tuple[int, Any] | NotSent | Unknown:
        """Status and JSON of an answer that arrived whole; NotSent only where no connection was made."""
        body = None if order is None else msgspec.json.encode(order)
        return self._send_bytes(method, path, HEADERS, body, timeout_seconds)

    def _send_file(
        self, document: EvidenceDocument, timeout_seconds: float
    ) -> tuple[int, Any] | NotSent | Unknown:
        """The bank knows a file by its content: sent twice, it is one."""
        headers = {**HEADERS, "Content-Type": document.content_type}
        return self._send_bytes("POST", "/v1/files", headers, document.content, timeout_seconds)

    def _send_bytes(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> tuple[int, Any] | NotSent | Unknown:
        try:
            answer = self._http.call(
                method, self._url + path, headers=headers, body=body, timeout_seconds=timeout_seconds
            )
        except NoConnection as error:
            return NotSent(f"{self.name} could not be reached: {error}")
        except NoAnswer as error:
            return Unknown(f"{self.name} gave no answer: {error}")
        return answer.status, _json(answer.content)


def _order(request: FollowUp) -> dict[str, Any]:
    return {
        "reference": request.reference,
        "authorization": request.processor_id,
        "amount": request.amount_minor,
    }


def _dispute(body: Any) -> DisputeReport | None:
    """None for what is no dispute."""
    match body:
        case {
            "id": str(processor_id),
            "status": str(state),
            "amount": int(amount_minor),
            "currency": str(currency),
            "reason": str(reason),
            "due_by": int(due_by),
            "submissions": int(submissions),
            "reference": str(reference),
        } if state in DISPUTE_STATES:
            return DisputeReport(
                processor_id=processor_id,
                state=cast(DisputeState, state),
                amount_minor=amount_minor,
                currency=currency,
                reason=reason,
                due_by=due_by,
                network_reason_code=body.get("network_reason_code") or "",
                submissions=submissions,
                reference=reference,
            )
    return None


def _json(content: bytes) -> Any:
    """None for what is not JSON."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _outcome(status: int, body: Any) -> Outcome:
    """The bank's word as ours. Whatever is not a clear yes or no is Unknown."""
    match status, body:
        case 503, {"error": "not_done"}:
            return NotSent("The bank turned the order away and did nothing.", "processor_refused")
        case 200, {"status": "approved", "id": str(processor_id), "amount": int(amount_minor)}:
            return Approved(
                processor_id=processor_id,
                amount_minor=amount_minor,
                authorization_code=body.get("authorization_code") or "",
                network_transaction_id=body.get("network_transaction_id") or "",
                checks=body.get("checks") or {},
                raw=body,
                available_at_once=body.get("scenario") == "available_at_once",
            )
        case 200, {"status": "declined", "decline_code": "tombstoned"}:
            return Tombstoned(raw=body)
        case 200, {"status": "declined", "decline_code": str(decline_code)}:
            return Declined(decline_code, checks=body.get("checks") or {}, raw=body)
        case 200, {"status": "action_required", "id": str(processor_id), "redirect_url": str(redirect_url)}:
            return ActionRequired(processor_id, redirect_url, raw=body)
        case 200, {"status": "paid", "id": str(processor_id), "amount": int(amount_minor)}:
            return Arrived(processor_id, amount_minor, raw=body)
        case 200, {"status": "failed", "id": str(processor_id)}:
            return Failed(processor_id, body.get("failure_reason") or "unknown", raw=body)
        case 200, {"status": str(word)}:
            return Unknown(f"an answer that is neither yes nor no: status {word!r}")
        case _:
            return Unknown(f"HTTP {status} instead of an answer")
