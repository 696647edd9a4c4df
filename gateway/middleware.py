"""The outermost layer of every request, its id; and Django's own layers, for the console only."""

import functools
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django_otp.middleware import OTPMiddleware

from core import trail
from core.identity import client_address
from core.ids import new_id
from core.logs import logger
from merchants.answers import API_VERSION

API = "/v1/"
# Asked for all day long, and no news.
UNTOLD = ("/health", "/metrics", "/static/")
# Whoever is turned away is told of with their address.
TURNED_AWAY = (401, 403, 429)
MOST_PATH = 200

log = logger("tollgate.web")


class RequestIdMiddleware:
    """Gives each request its id, shown in the answer's `Request-Id`, kept with what the request did and on every line
    of the log that tells of it; and tells of the request itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        began = time.monotonic()
        request.request_id = _id_of(request)
        with trail.follow(request.request_id):
            response = self._answer(request)
            if not request.path_info.startswith(UNTOLD):
                _tell(request, response, time.monotonic() - began)
        return response

    def _answer(self, request: Any) -> HttpResponse:
        response = self.get_response(request)
        response["Request-Id"] = request.request_id
        if not response.streaming:
            # One piece instead of chunks, which some clients and proxies read badly.
            response["Content-Length"] = str(len(response.content))
        if request.path_info.startswith(API):
            response["Stripe-Version"] = request.META.get("HTTP_STRIPE_VERSION", API_VERSION)[:40]
        return response


def _id_of(request: HttpRequest) -> str:
    """The edge's, where there is one that we trust: then its log and ours tell of the same."""
    told = request.META.get("HTTP_X_REQUEST_ID", "") if settings.TRUSTED_PROXIES else ""
    return told if trail.SHAPE.fullmatch(told) else new_id("req")


def _tell(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    if response.status_code in TURNED_AWAY:
        trail.note(address=client_address(request))
    log.info(
        "request",
        method=request.method,
        # Without its query, which may hold a secret.
        path=request.path_info[:MOST_PATH],
        status=response.status_code,
        ms=round(seconds * 1000),
    )


class ConsoleOnly(MiddlewareMixin):
    """A layer of Django's that the API does without: it has keys instead of cookies, and neither pages nor forms."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(API):
            return self.get_response(request)  # type: ignore[return-value]
        return super().__call__(request)  # type: ignore[return-value]


class ConsoleSessions(ConsoleOnly, SessionMiddleware):
    pass


class ConsoleStaff(ConsoleOnly, AuthenticationMiddleware):
    pass


class ConsoleSecondFactor(OTPMiddleware):  # type: ignore[misc]  # django-otp has no types
    """The same; it is no MiddlewareMixin."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        api = request.path_info.startswith(API)
        answer: HttpResponseBase = self.get_response(request) if api else super().__call__(request)
        return answer


class ViewersZone:
    """Shows the console's times in the zone that the browser says it is in; in UTC until it has said so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = unquote(request.COOKIES.get("tg_zone", ""))[:60]
        if request.path_info.startswith(API) or name not in zones():
            return self.get_response(request)
        with timezone.override(ZoneInfo(name)):
            return self.get_response(request)


@functools.cache
def zones() -> set[str]:
    return available_timezones()


class ConsoleMessages(ConsoleOnly, MessageMiddleware):
    pass
