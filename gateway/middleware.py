"""The outermost layer of every request: its id."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.ids import new_id
from merchants.answers import API_VERSION


class RequestIdMiddleware:
    """Gives each request a `req_` id, shown in the answer's `Request-Id` and kept with what the request did."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.request_id = new_id("req")
        response = self.get_response(request)
        response["Request-Id"] = request.request_id
        if not response.streaming:
            # One piece instead of chunks, which some clients and proxies read badly.
            response["Content-Length"] = str(len(response.content))
        if request.path_info.startswith("/v1/"):
            response["Stripe-Version"] = request.META.get("HTTP_STRIPE_VERSION", API_VERSION)[:40]
        return response
