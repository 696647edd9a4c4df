"""Hosted fields: the script that a merchant's page loads, and the page of the card's inputs that it frames. Whoever
frames it sees none of what is typed there."""

from html import escape

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.clickjacking import xframe_options_exempt

from core.errors import AuthenticationFailed
from core.hosted import origin_of
from vault.assets import CARD_PAGE, DIGEST, PARTS, REFUSED_PAGE, SCRIPTS, Asset
from vault.auth import browser_of
from vault.origins import may_show_fields
from vault.views.errors import not_found, wrong_method

FOR_EVER = "public, max-age=31536000, immutable"
# No script but our files, no request but to us, nothing else at all; and framed by one origin.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors {ancestors}"
)
NO_TLS = "Card fields are shown over HTTPS only."
NOT_LISTED = (
    "{origin} may not show card fields for this key. Whoever runs this gateway adds it to the merchant's allowed "
    "origins ({mode} mode) in the console."
)


def script(request: HttpRequest, name: str) -> HttpResponse:
    """GET /js/tollgate-1.0.0.js"""
    if name not in SCRIPTS:
        return not_found(request, LookupError(name))
    response = _file(request, SCRIPTS[name], FOR_EVER)
    # Pages of any origin load it, and check it by its hash, which takes leave to read it.
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def part(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    """GET /fields/{digest}/card.js"""
    if name not in PARTS:
        return not_found(request, LookupError(name))
    # During an upgrade a process may be asked for another one's files: then browsers keep nothing.
    return _file(request, PARTS[name], FOR_EVER if digest == DIGEST else "no-store")


@xframe_options_exempt
def card(request: HttpRequest) -> HttpResponse:
    """GET /fields/card?key=pk_…&origin=https://shop.example: the page for a frame, or why there is none."""
    if request.method != "GET":
        return wrong_method(request)
    origin = request.GET.get("origin", "")[:300]
    if settings.REQUIRE_TLS and not request.is_secure():
        return _refused(NO_TLS)
    try:
        browser = browser_of(request.GET.get("key", ""))
    except AuthenticationFailed as error:
        return _refused(error.message)
    if not may_show_fields(origin, browser.origins, livemode=browser.livemode):
        shown = origin or "This page"
        return _refused(NOT_LISTED.format(origin=shown, mode="live" if browser.livemode else "test"))
    api = escape(origin_of(settings.PUBLIC_URL), quote=True)
    return _page(CARD_PAGE.substitute(api=api), ancestors=origin, status=200)


def _refused(why: str) -> HttpResponse:
    """In whatever frames it: there is nothing to see but this sentence, and developers are to find it."""
    return _page(REFUSED_PAGE.substitute(why=escape(why)), ancestors="*", status=403)


def _page(text: str, *, ancestors: str, status: int) -> HttpResponse:
    response = HttpResponse(text.encode(), status=status, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = POLICY.format(ancestors=ancestors)
    response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    return response


def _file(request: HttpRequest, asset: Asset, keep: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request)
    return HttpResponse(asset.body, content_type=asset.content_type, headers={"Cache-Control": keep})
