"""Who is calling: a browser with a publishable key, or the gateway with a signed request."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from core import trail
from core.credentials import key_in
from core.errors import AuthenticationFailed, InvalidRequest
from core.hosted import origin_of
from core.identity import client_address
from core.redaction import mask_key
from core.signing import HEADER, verify
from core.tickets import read_ticket
from vault.errors import BodyTooLarge, LengthRequired, OriginRefused
from vault.models import PublishableKey
from vault.origins import may_bring_cards

SIGNATURE = "HTTP_" + HEADER.upper().replace("-", "_")
# A card with its names and addresses is a few hundred bytes; a processor's request is not much more.
MAX_BODY_BYTES = 64 * 1024
MAX_IDEMPOTENCY_KEY = 255


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a card is taken in. `passed_on` is a call that came to the gateway's host."""

    merchant: str
    livemode: bool
    passed_on: bool
    client_ip: str | None
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Browser:
    """Whose cards a browser may bring, by its key, and from which pages. Of keys without a list, from any."""

    merchant: str
    livemode: bool
    origins: frozenset[str]


def caller_of(request: HttpRequest, body: bytes) -> Caller:
    """The caller of a public endpoint. AuthenticationFailed for an unknown one."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if len(key) > MAX_IDEMPOTENCY_KEY or not key.isprintable():
        raise InvalidRequest(
            f"An Idempotency-Key has at most {MAX_IDEMPOTENCY_KEY} characters, all of them printable."
        )
    if is_signed(request):
        return _gateway(request, body, key)
    if settings.REQUIRE_TLS and not request.is_secure():
        raise InvalidRequest("Card details are taken over HTTPS only. Consider this card number as exposed.")
    found = browser_of(_key_text(request.META.get("HTTP_AUTHORIZATION", "")))
    origin, own = request.META.get("HTTP_ORIGIN", ""), f"{request.scheme}://{request.get_host()}"
    if not may_bring_cards(origin, found.origins, livemode=found.livemode, own=own):
        raise OriginRefused(origin[:100])
    return Caller(
        merchant=found.merchant,
        livemode=found.livemode,
        passed_on=False,
        client_ip=client_address(request),
        idempotency_key=key,
    )


def is_signed(request: HttpRequest) -> bool:
    """Whether it says that the gateway sends it; `caller_of` believes that only where it is true."""
    return SIGNATURE in request.META


def require_gateway(request: HttpRequest, body: bytes) -> None:
    """AuthenticationFailed unless the gateway signed this very call, a minute ago at most."""
    _verify(request, body, context="")


def read_body(request: HttpRequest) -> bytes:
    """The body within its limit. Django takes a body without a length for an empty one: that is refused."""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise LengthRequired
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    return request.body


def _gateway(request: HttpRequest, body: bytes, key: str) -> Caller:
    merchant = request.META.get("HTTP_TOLLGATE_MERCHANT", "")
    livemode = request.META.get("HTTP_TOLLGATE_LIVEMODE", "")
    client_ip = request.META.get("HTTP_TOLLGATE_CLIENT_IP", "")
    content_type = request.META.get("CONTENT_TYPE", "")
    _verify(request, body, context="\n".join((merchant, livemode, client_ip, key, content_type)))
    if not merchant or livemode != "0":
        raise InvalidRequest("Cards are passed on for a merchant, in test mode only.")
    return Caller(
        merchant=merchant, livemode=False, passed_on=True, client_ip=client_ip or None, idempotency_key=key
    )


def _verify(request: HttpRequest, body: bytes, *, context: str) -> None:
    header = request.META.get(SIGNATURE, "")
    path = request.get_full_path()
    if not verify(settings.VAULT_SHARED_SECRET, header, request.method or "", path, body, context=context):
        raise AuthenticationFailed(
            "This call is not signed by the gateway, or was signed more than a minute ago."
        )
    told = request.META.get("HTTP_X_REQUEST_ID", "")
    if trail.SHAPE.fullmatch(told):
        trail.note(request_id=told)


def browser_of(text: str) -> Browser:
    """By a publishable key, or by a ticket that the gateway gave to a page of its own. AuthenticationFailed."""
    if ticket := read_ticket(settings.VAULT_SHARED_SECRET, text):
        return Browser(ticket.merchant, ticket.livemode, frozenset({origin_of(settings.PUBLIC_URL)}))
    if text.startswith(("sk_", "rk_")):
        raise AuthenticationFailed(
            "The vault knows publishable keys only. A secret key that a browser sent is exposed: revoke it."
        )
    found = (
        PublishableKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .filter(hash=hashlib.sha256(text.encode()).hexdigest(), revoked=False)
        .first()
    )
    if found is None:
        raise AuthenticationFailed(f"Invalid API Key provided: {mask_key(text)}")
    return Browser(found.merchant, found.livemode, frozenset(found.origins))


def _key_text(authorization: str) -> str:
    text = key_in(authorization)
    if not text:
        raise AuthenticationFailed(
            "You did not provide an API key. Provide your publishable key in the Authorization header, using "
            "Bearer auth."
        )
    return text
