"""Puts the caller and the parsed parameters on every request under /v1."""

from collections.abc import Callable

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse

from core.errors import DatabaseUnavailable, InvalidRequest, TollgateError
from core.identity import client_address
from core.trail import note
from merchants.addresses import is_within
from merchants.auth import Caller, UnknownKey, caller_of
from merchants.limits import count_wrong_key


class ApiRequest(HttpRequest):
    """What the API's layers know of a request besides Django's part."""

    caller: Caller | None
    refusal: TollgateError | None
    request_id: str
    # Whether it was counted.
    admitted: bool


class TlsRequired(InvalidRequest):
    def __init__(self) -> None:
        super().__init__(
            "This API answers over HTTPS only. The key of this request was sent in the clear: roll it."
        )


class AddressRefused(InvalidRequest):
    status = 403

    def __init__(self, caller: Caller, address: str | None) -> None:
        super().__init__(f"The key {caller.key_name} may not be used from {address or 'an unknown address'}.")


class ApiKeyMiddleware:
    """`request.caller`, or `request.refusal` with the error that the view will answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: ApiRequest) -> HttpResponse:
        if request.path_info.startswith("/v1/"):
            request.caller = request.refusal = None
            request.admitted = False
            try:
                if settings.REQUIRE_TLS and not request.is_secure():
                    raise TlsRequired
                if "\x00" in request.path_info:
                    raise InvalidRequest("The URL holds a NUL character.")
                caller = _caller(request)
                if caller.networks and not is_within(address := client_address(request), caller.networks):
                    raise AddressRefused(caller, address)
                request.caller = caller
                note(merchant=caller.merchant_public_id, key=caller.key_name)
            except TollgateError as error:
                request.refusal = error
            except OperationalError:
                request.refusal = DatabaseUnavailable()
        return self.get_response(request)


def _caller(request: HttpRequest) -> Caller:
    """Whoever tries keys is held up by their address, and whoever has one is not: an address may be many people's."""
    try:
        return caller_of(request.META.get("HTTP_AUTHORIZATION", ""))
    except UnknownKey:
        count_wrong_key(request)
        raise
