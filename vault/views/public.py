"""What browsers and SDKs call: a card comes in, its token goes out."""

from collections.abc import Callable
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse

from core.errors import InvalidRequest
from core.forms import parse_body
from core.params import Params
from vault.auth import Caller, caller_of, is_signed, read_body
from vault.limits import admit_browser, admit_key
from vault.params import MethodParams, TokenParams, read_params
from vault.services.answers import Asked, Given, asked
from vault.services.cards import create_payment_method, create_token
from vault.views.errors import wrong_method

P = TypeVar("P", bound=Params)


def tokens(request: HttpRequest) -> HttpResponse:
    """POST /v1/tokens"""
    return _create(request, TokenParams, create_token)


def payment_methods(request: HttpRequest) -> HttpResponse:
    """POST /v1/payment_methods"""
    return _create(request, MethodParams, create_payment_method)


def health(request: HttpRequest) -> HttpResponse:
    """This process serves. It asks nobody else, so that a slow database does not get it restarted."""
    return JsonResponse({"status": "ok"})


def _create(
    request: HttpRequest, shape: type[P], service: Callable[[Caller, P, Asked], Given]
) -> HttpResponse:
    if request.method == "OPTIONS":
        return HttpResponse(status=204)
    if request.method != "POST":
        return wrong_method(request)
    body = read_body(request)
    if not is_signed(request):
        admit_browser(request)
    caller = caller_of(request, body)
    admit_key(caller)
    data = parse_body(request.META.get("CONTENT_TYPE", ""), body)
    params = read_params(shape, data)
    if params.expand:
        raise InvalidRequest("Nothing can be expanded here.", param="expand")
    given = service(caller, params, asked(request.path, data))
    response = HttpResponse(given.body.encode(), content_type="application/json")
    if given.replayed:
        response["Idempotent-Replayed"] = "true"
    return response
