"""Who is at the console, from where, and how long ago they proved it."""

import ipaddress
import time
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

PROVED_AT = "console.proved_at"
# Long enough to decide on a few approvals, too short for a screen that somebody left.
FRESH_SECONDS = 300


def client_address(request: HttpRequest) -> str | None:
    """The client's address as the last proxy of ours that it passed saw it; None where it has none."""
    address = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        said = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        address = said[-settings.TRUSTED_PROXIES] if len(said) >= settings.TRUSTED_PROXIES else address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def proved(request: HttpRequest) -> None:
    """The person has just shown that it is them. The session gets a new name, so that no old one is worth more."""
    request.session.cycle_key()
    request.session[PROVED_AT] = int(time.time())


def is_fresh(request: HttpRequest) -> bool:
    proved_at: int = request.session.get(PROVED_AT, 0)
    return time.time() - proved_at < FRESH_SECONDS


def prove_first(request: HttpRequest) -> HttpResponse:
    """Leads to the page that asks who is there, and back."""
    return redirect(f"{reverse('confirm_identity')}?{urlencode({'next': request.get_full_path()})}")
