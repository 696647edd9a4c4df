"""Passes calls that bear a card on to the vault before anything reads them, so that in test mode an SDK needs
one address. The vault takes known test cards this way, and no others."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from core.db import release_connection
from core.errors import InvalidRequest, TollgateError
from core.identity import client_address
from merchants.answers import error_response, unrecognized
from merchants.api import BodyTooLarge, LengthRequired
from merchants.limits import admit
from merchants.middleware import ApiRequest
from merchants.scopes import WRITE
from processors.vault import VaultClient

# Each with what a restricted key must be allowed to write.
PATHS = {"/v1/tokens": "tokens", "/v1/payment_methods": "payment_methods"}
# A card with its names and addresses takes a few hundred bytes.
MAX_BODY_BYTES = 64 * 1024


class CardPassthroughMiddleware:
    """Stands after the caller is known and before anything that keeps or parses a body. Without a caller the
    next layer answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._vault = VaultClient(settings.VAULT_URL, settings.VAULT_SHARED_SECRET)

    def __call__(self, request: ApiRequest) -> HttpResponse:
        if request.path_info not in PATHS or request.caller is None:
            return self.get_response(request)
        if request.method != "POST":
            body = unrecognized(request.method or "", request.path)["body"]
            return JsonResponse(body, status=405, headers={"Allow": "POST"})
        try:
            return self._pass_on(request)
        except TollgateError as error:
            return error_response(error)

    def _pass_on(self, request: ApiRequest) -> HttpResponse:
        caller = request.caller
        assert caller is not None
        admit(request, closed=True)
        caller.require(PATHS[request.path_info], WRITE)
        if caller.livemode:
            raise InvalidRequest(
                "In live mode card details never pass this address: send them to the vault's own address, "
                "from the customer's browser, with your live publishable key."
            )
        body = _read(request)
        release_connection()
        answer = self._vault.tokenize_passthrough(
            path=request.path_info,
            merchant=caller.merchant_public_id,
            livemode=caller.livemode,
            body=body,
            content_type=request.META.get("CONTENT_TYPE", ""),
            idempotency_key=request.META.get("HTTP_IDEMPOTENCY_KEY", ""),
            # The customer's browser's, or nobody's: a merchant's server says nothing of who pays.
            client_ip="" if caller.secret else client_address(request) or "",
        )
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def _read(request: HttpRequest) -> bytes:
    """The raw body, bounded. Unparsed, and kept nowhere: not even in `request.body`."""
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise LengthRequired
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    return request.read(int(length))
