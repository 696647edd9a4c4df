"""What the gateway calls, signed: the details of a token, a card to a processor, news of publishable keys."""

from typing import TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse

from core.errors import InvalidRequest, ResourceMissing
from vault import queries
from vault.auth import read_body, require_gateway
from vault.sending import Answered, NotSent, Outcome, Unknown
from vault.serializers import details
from vault.services.forward import ForwardOrder, forward_card
from vault.services.keys import KeyNotice, take_notice
from vault.views.errors import wrong_method

S = TypeVar("S", bound=msgspec.Struct)


def token(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /internal/tokens/{id}?merchant=acct_…&livemode=0"""
    require_gateway(request, b"")
    if request.method != "GET":
        return wrong_method(request)
    found = queries.card(
        public_id, merchant=request.GET.get("merchant", ""), livemode=request.GET.get("livemode") == "1"
    )
    if found is None:
        raise ResourceMissing("token", public_id[:64], in_path=True)
    return _json(details(found, static=found.pk is None))


def forward(request: HttpRequest) -> HttpResponse:
    """POST /internal/forward"""
    return _json(_wire(forward_card(_order(request, ForwardOrder))))


def publishable_keys(request: HttpRequest) -> HttpResponse:
    """POST /internal/publishable_keys"""
    take_notice(_order(request, KeyNotice))
    return _json({})


def _order(request: HttpRequest, shape: type[S]) -> S:
    body = read_body(request)
    require_gateway(request, body)
    if request.method != "POST":
        raise InvalidRequest("Use POST.")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        # It names the place and the types, not the value.
        raise InvalidRequest(f"The order has a wrong shape: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        raise InvalidRequest("The order is not JSON.") from None


def _wire(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Answered(status, body):
            return {"result": "answered", "status": status, "body": body}
        case NotSent(reason, code):
            return {"result": "not_sent", "reason": reason, "code": code}
        case Unknown(reason):
            return {"result": "unknown", "reason": reason}


def _json(data: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(data), content_type="application/json")
