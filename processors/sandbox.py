"""The adapter of the sandbox bank: JSON over HTTP. Card data is filled in by the vault on the way."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3

from processors.protocol import (
    ActionRequired,
    Approved,
    AuthorizationRequest,
    CaptureRequest,
    Declined,
    NotFound,
    NotSent,
    Outcome,
    RefundRequest,
    Tombstoned,
    Unknown,
)
from processors.vault import Answered, ForwardRequest, VaultClient

# Hundreds of threads of a web process may have a call in flight.
MAX_CONNECTIONS = 256
# Nobody's host is that far away: a connection that takes longer is not going to come.
CONNECT_SECONDS = 3.0
HEADERS = {"Authorization": "Bearer sandbox", "Content-Type": "application/json"}


class SandboxProcessor:
    """See `processors.protocol.Processor`."""

    def __init__(self, *, name: str, vault: VaultClient, url: str) -> None:
        self.name = name
        self._vault = vault
        self._url = url
        # No retries and no redirects: what was sent once may have been done.
        self._http = urllib3.PoolManager(maxsize=MAX_CONNECTIONS, retries=False)

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome:
        forwarded = self._vault.forward(
            ForwardRequest(
                token=request.token,
                merchant=request.merchant,
                livemode=request.livemode,
                reference=request.reference,
                method="POST",
                url=f"{self._url}/v1/authorizations",
                headers=HEADERS,
                body={
                    "reference": request.reference,
                    "amount": request.amount_minor,
                    "currency": request.currency,
                    "capture": request.capture,
                    "card": {
                        "number": "{{card.number}}",
                        "exp_month": "{{card.exp_month}}",
                        "exp_year": "{{card.exp_year}}",
                        "cvc": "{{card.cvc}}",
                    },
                    "descriptor": request.descriptor,
                },
                timeout_seconds=timeout_seconds,
            )
        )
        if isinstance(forwarded, Answered):
            return _outcome(forwarded.status, forwarded.body)
        return forwarded

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome:
        return self._call("POST", "/v1/captures", _of_authorization(request), timeout_seconds)

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome:
        return self._call("POST", "/v1/refunds", _of_authorization(request), timeout_seconds)

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        answer = self._send("GET", f"/v1/operations/{reference}", None, timeout_seconds)
        match answer:
            case (404, {"error": "unknown_reference", "tombstoned": True} as body):
                return Tombstoned(raw=body)
            case (404, {"error": "unknown_reference"}):
                return NotFound()
            case (int(status), body):
                return _outcome(status, body)
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

    def _call(self, method: str, path: str, body: Mapping[str, Any], timeout_seconds: float) -> Outcome:
        match self._send(method, path, body, timeout_seconds):
            case (int(status), answer):
                return _outcome(status, answer)
            case outcome:
                return outcome

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout_seconds: float
    ) -> tuple[int, dict[str, Any]] | NotSent | Unknown:
        """Status and JSON of an answer that arrived whole; NotSent only where no connection was made."""
        try:
            response = self._http.request(
                method,
                self._url + path,
                body=None if body is None else json.dumps(body),
                headers=HEADERS,
                timeout=urllib3.Timeout(total=timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
                redirect=False,
            )
            return response.status, response.json()
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            return NotSent(f"{self.name} could not be reached: {type(error).__name__}")
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            return Unknown(f"{self.name} gave no answer: {type(error).__name__}")


def _of_authorization(request: CaptureRequest | RefundRequest) -> dict[str, Any]:
    return {
        "reference": request.reference,
        "authorization": request.processor_id,
        "amount": request.amount_minor,
    }


def _outcome(status: int, body: Any) -> Outcome:
    """The bank's word as ours. Whatever is not a clear yes or no is Unknown."""
    if status != 200 or not isinstance(body, dict):
        return Unknown(f"HTTP {status} instead of an answer")
    match body:
        case {"status": "approved", "id": str(processor_id), "amount": int(amount_minor)}:
            return Approved(
                processor_id=processor_id,
                amount_minor=amount_minor,
                authorization_code=body.get("authorization_code") or "",
                network_transaction_id=body.get("network_transaction_id") or "",
                checks=body.get("checks") or {},
                raw=body,
            )
        case {"status": "declined", "decline_code": "tombstoned"}:
            return Tombstoned(raw=body)
        case {"status": "declined", "decline_code": str(decline_code)}:
            return Declined(decline_code, checks=body.get("checks") or {}, raw=body)
        case {"status": "action_required", "id": str(processor_id), "redirect_url": str(redirect_url)}:
            return ActionRequired(processor_id, redirect_url, raw=body)
        case _:
            return Unknown(f"an answer that is neither yes nor no: status {body.get('status')!r}")
