"""The outermost layer of the vault's answers: an id, a line in the log, errors as JSON, and what other origins' pages
may do."""

import time
from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from psycopg_pool import PoolTimeout

from core import trail
from core.errors import ServiceUnavailable, TollgateError
from core.ids import new_id
from core.logs import logger
from vault.views.errors import bad_request, error_response, unforeseen

# A page of any merchant may send a card here: what it needs is the publishable key, which is public anyway,
# and no cookie is ever looked at.
BROWSER_PATHS = ("/v1/tokens", "/v1/payment_methods")
BROWSER_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version, "
    "X-Stripe-Client-User-Agent",
    "Access-Control-Expose-Headers": "Request-Id, Idempotent-Replayed, Stripe-Should-Retry, Retry-After",
    "Access-Control-Max-Age": "600",
}


log = logger("tollgate.vault")


class AnswerMiddleware:
    """Every answer, errors too, leaves through here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        with trail.follow(new_id("req")):
            response = self.get_response(request)
            # The gateway's own, where it called.
            response["Request-Id"] = trail.request_id()
            if request.path_info != "/health":
                _tell(request, response, time.monotonic() - began)
        response.setdefault("Cache-Control", "no-store")
        if request.path_info in BROWSER_PATHS:
            for name, value in BROWSER_HEADERS.items():
                response[name] = value
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse:
        """Here, not in Django's handler, whose log holds the message of the exception."""
        if isinstance(exception, TollgateError):
            return error_response(exception)
        if isinstance(exception, SuspiciousOperation):
            # A host that is not ours, for one.
            return bad_request(request, exception)
        if isinstance(exception.__cause__, PoolTimeout) and isinstance(exception, DatabaseError):
            return error_response(ServiceUnavailable("All database connections are busy. Nothing was done."))
        return unforeseen(exception)


def _tell(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """By the address's pattern: what else somebody wrote there is nothing for a log."""
    known = request.resolver_match
    log.info(
        "request",
        method=request.method,
        route=f"/{known.route}" if known else "unknown",
        status=response.status_code,
        ms=round(seconds * 1000),
    )
