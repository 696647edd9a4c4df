"""A server that speaks as much of Stripe's wire as an adapter needs, with Stripe's idempotency, and that can be
told to misbehave. Test cards do what they do at Stripe."""

import itertools
import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from core.forms import parse_form
from tests.processors.shop import CHALLENGED_CARD, DECLINED_CARD

KEY_REUSED = {
    "error": {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}
}


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    fields: dict[str, Any]
    headers: dict[str, str]

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")


class Refusal(Exception):
    def __init__(self, status: int, **error: Any) -> None:
        self.status = status
        self.error = error


@dataclass
class Fault:
    """What happens to the next request that fits. With a `status`, that is its answer; else the line is cut."""

    method: str
    path: str
    status: int = 0
    body: Any = None
    done: bool = False
    key: str = ""

    def fits(self, call: Call) -> bool:
        where = self.method == call.method and call.path.endswith(self.path)
        return where and call.key.endswith(self.key)


class Stripe:
    """Its books: cards, intents, refunds, events and the answers under their keys."""

    def __init__(self) -> None:
        self.methods: dict[str, str] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.keys: dict[str, tuple[str, dict[str, Any], int, Any]] = {}
        self.search_finds = True
        self._numbers = itertools.count(1)

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.key and call.key in self.keys:
            path, fields, status, body = self.keys[call.key]
            return (status, body) if (path, fields) == (call.path, call.fields) else (400, KEY_REUSED)
        try:
            # As it is now, not as it will be.
            status, body = 200, json.loads(json.dumps(self._do(call)))
        except Refusal as refusal:
            status, body = refusal.status, {"error": {"message": "no", **refusal.error}}
        if call.key:
            self.keys[call.key] = (call.path, call.fields, status, body)
        return status, body

    def forget_keys(self) -> None:
        self.keys.clear()

    def _do(self, call: Call) -> Any:
        fields = call.fields
        match (call.method, *call.path.strip("/").split("/")[1:]):
            case ("POST", "payment_methods"):
                return self._method(fields)
            case ("POST", "payment_intents"):
                return self._intent(fields)
            case ("GET", "payment_intents", "search"):
                wanted = re.fullmatch(r"metadata\['tollgate_reference'\]:'(\w+)'", fields["query"])
                assert wanted, fields
                found = self._with_reference(self.intents, wanted[1]) if self.search_finds else []
                return {"object": "search_result", "data": found, "has_more": False, "next_page": None}
            case ("GET", "payment_intents", intent_id):
                return self._known(intent_id)
            case ("POST", "payment_intents", intent_id, "confirm"):
                return self._confirm(self._known(intent_id), fields)
            case ("POST", "payment_intents", intent_id, "capture"):
                return self._capture(self._known(intent_id), int(fields["amount_to_capture"]))
            case ("POST", "payment_intents", intent_id, "cancel"):
                return self._cancel(self._known(intent_id))
            case ("POST", "refunds"):
                return self._refund(fields)
            case ("GET", "refunds"):
                of = fields.get("payment_intent")
                made = [one for one in self.refunds.values() if of in (None, one["payment_intent"])]
                return _list("/v1/refunds", made[::-1])
            case ("POST", "files"):
                return {"object": "file", "id": f"file_{next(self._numbers)}", "size": len(fields["file"])}
            case ("GET", "disputes"):
                return _list("/v1/disputes", self._disputes(fields))
            case ("GET", "disputes", dispute_id):
                return self._expanded(self._dispute(dispute_id))
            case ("POST", "disputes", dispute_id):
                return self._answered(self._dispute(dispute_id), "under_review", fields["evidence"])
            case ("POST", "disputes", dispute_id, "close"):
                return self._answered(self._dispute(dispute_id), "lost", {})
            case ("GET", "events"):
                return _list("/v1/events", [one for one in self.events if one["type"] == fields["type"]])
        raise Refusal(404, type="invalid_request_error", message="no such URL")

    def _method(self, fields: dict[str, Any]) -> Any:
        method = f"pm_{next(self._numbers)}"
        self.methods[method] = fields["card"]["number"]
        return {"object": "payment_method", "id": method, "type": "card"}

    def _intent(self, fields: dict[str, Any]) -> Any:
        intent = {
            "object": "payment_intent",
            "id": f"pi_{next(self._numbers)}",
            "status": "requires_payment_method",
            "amount": int(fields["amount"]),
            "currency": fields["currency"],
            "capture_method": fields.get("capture_method", "automatic"),
            "amount_received": 0,
            "amount_capturable": 0,
            "client_secret": "pi_secret",
            "metadata": fields["metadata"],
            "next_action": None,
            "last_payment_error": None,
        }
        self.intents[intent["id"]] = intent
        return self._confirm(intent, fields) if fields["confirm"] == "true" else intent

    def _confirm(self, intent: dict[str, Any], fields: dict[str, Any]) -> Any:
        number = self.methods[fields.get("payment_method") or intent["payment_method"]]
        if number == DECLINED_CARD:
            error = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}
            intent["last_payment_error"] = error
            raise Refusal(402, **error, payment_intent=intent)
        if number == CHALLENGED_CARD and fields.get("error_on_requires_action") == "true":
            raise Refusal(402, type="card_error", code="authentication_required")
        if number == CHALLENGED_CARD:
            url = {"return_url": fields.get("return_url"), "url": "https://hooks.stripe.example/3d"}
            return _change(
                intent,
                status="requires_action",
                next_action={"type": "redirect_to_url", "redirect_to_url": url},
            )
        return self.pay(intent)

    def pay(self, intent: dict[str, Any]) -> dict[str, Any]:
        """Takes or holds the money, as it happens by itself after a challenge, too."""
        intent["next_action"] = None
        intent["latest_charge"] = {
            "object": "charge",
            "id": f"ch_{intent['id']}",
            "payment_method_details": {
                "card": {
                    "authorization_code": "123456",
                    "network_transaction_id": "777",
                    "checks": {"cvc_check": "pass", "address_line1_check": None},
                }
            },
        }
        if intent["capture_method"] == "manual":
            return _change(intent, status="requires_capture", amount_capturable=intent["amount"])
        return _change(intent, status="succeeded", amount_received=intent["amount"])

    def _capture(self, intent: dict[str, Any], amount: int) -> Any:
        _require(intent, "requires_capture")
        if amount > intent["amount"]:
            raise Refusal(400, type="invalid_request_error", code="amount_too_large")
        return _change(intent, status="succeeded", amount_received=amount, amount_capturable=0)

    def _cancel(self, intent: dict[str, Any]) -> Any:
        _require(
            intent, "requires_capture", "requires_action", "requires_payment_method", "requires_confirmation"
        )
        return _change(intent, status="canceled", amount_capturable=0)

    def _refund(self, fields: dict[str, Any]) -> Any:
        intent, amount = self._known(fields["payment_intent"]), int(fields["amount"])
        others = sum(one["amount"] for one in self.refunds.values() if one["payment_intent"] == intent["id"])
        if others + amount > intent["amount_received"]:
            raise Refusal(400, type="invalid_request_error", code="charge_already_refunded")
        refund = {
            "object": "refund",
            "id": f"re_{next(self._numbers)}",
            "status": "succeeded",
            "amount": amount,
            "payment_intent": intent["id"],
            "metadata": fields["metadata"],
        }
        self.refunds[refund["id"]] = refund
        return refund

    def open_dispute(self, intent_id: str, **more: Any) -> dict[str, Any]:
        dispute = {
            "object": "dispute",
            "id": f"dp_{next(self._numbers)}",
            "amount": self.intents[intent_id]["amount"],
            "currency": self.intents[intent_id]["currency"],
            "reason": "fraudulent",
            "network_reason_code": "10.4",
            "status": "needs_response",
            "payment_intent": intent_id,
            "created": 1_790_000_000,
            "metadata": {},
            "evidence": {},
            "evidence_details": {"due_by": 1_790_600_000, "submission_count": 0},
            **more,
        }
        self.disputes[dispute["id"]] = dispute
        return dispute

    def _disputes(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        since = int(fields.get("created", {}).get("gte", 0))
        of = fields.get("payment_intent")
        found = [one for one in self.disputes.values() if of in (None, one["payment_intent"])]
        return [self._expanded(one) if since else one for one in found if one["created"] >= since]

    def _dispute(self, dispute_id: str) -> dict[str, Any]:
        if dispute_id not in self.disputes:
            raise Refusal(404, type="invalid_request_error", code="resource_missing")
        return self.disputes[dispute_id]

    def _expanded(self, dispute: dict[str, Any]) -> dict[str, Any]:
        return dispute | {"payment_intent": self.intents[dispute["payment_intent"]]}

    def _answered(self, dispute: dict[str, Any], status: str, evidence: dict[str, Any]) -> dict[str, Any]:
        if dispute["status"] not in ("needs_response", "warning_needs_response"):
            raise Refusal(400, type="invalid_request_error", code="dispute_closed")
        dispute["evidence"] |= evidence
        dispute["evidence_details"]["submission_count"] += bool(evidence)
        return _change(dispute, status=status)

    def _known(self, intent_id: str) -> dict[str, Any]:
        if intent_id not in self.intents:
            raise Refusal(404, type="invalid_request_error", code="resource_missing")
        return self.intents[intent_id]

    def _with_reference(self, objects: dict[str, dict[str, Any]], reference: str) -> list[dict[str, Any]]:
        return [one for one in objects.values() if one["metadata"]["tollgate_reference"] == reference]


class StripeServer:
    """Runs in threads of the test, one request at a time. `calls` are the requests in their order."""

    def __init__(self) -> None:
        self.reset()
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.lock = threading.Lock()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def reset(self) -> None:
        self.books = Stripe()
        self.calls: list[Call] = []
        self.faults: list[Fault] = []

    def fault(self, method: str, path: str, status: int = 0, body: Any = None, **more: Any) -> None:
        """For the next request of that method whose path ends so; `done` says whether its work is."""
        self.faults.append(Fault(method, path, status, body, **more))

    def called(self, method: str, path: str) -> list[Call]:
        return [call for call in self.calls if call.method == method and call.path.endswith(path)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, call: Call) -> tuple[int, Any] | None:
        """None where the line is cut."""
        with self.lock:
            self.calls.append(call)
            fault = next((one for one in self.faults if one.fits(call)), None)
            if fault is None:
                return self.books.answer(call)
            self.faults.remove(fault)
            if fault.done:
                self.books.answer(call)
            return (fault.status, fault.body) if fault.status else None


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that gave up waiting is what some tests are about."""


def _handler(server: StripeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if headers.get("content-type", "").startswith("multipart/"):
                fields: dict[str, Any] = {"file": body}
            else:
                fields = parse_form(body.decode() or url.query)
            answer = server.serve(Call(method, url.path, fields, headers))
            if answer is None:
                self.close_connection = True
                return
            status, body = answer
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: the tests' output is their own."""

    return Handler


def _list(url: str, found: list[Any]) -> dict[str, Any]:
    return {"object": "list", "url": url, "has_more": False, "data": found}


def _change(intent: dict[str, Any], **changes: Any) -> dict[str, Any]:
    intent.update(changes)
    return intent


def _require(intent: dict[str, Any], *statuses: str) -> None:
    if intent["status"] not in statuses:
        raise Refusal(
            400, type="invalid_request_error", code="payment_intent_unexpected_state", payment_intent=intent
        )
