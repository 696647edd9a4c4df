"""The way into the console: the password, the second factor where it is needed, and how long that lasts."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_otp import user_has_device
from unfold.forms import AuthenticationForm

from core.audit import note
from core.identity import client_address, proved
from gateway.guesses import TOO_MANY, admit, was_right

CONSOLE = "/admin/"
# What somebody may open who has given a password and no second factor yet.
OPEN = ("second_factor", "second_factor_enrol", "admin:login", "admin:logout", "admin:jsi18n")
STARTED_AT, SEEN_AT = "console.started_at", "console.seen_at"
# Written no more often than this: a session is a row.
SEEN_EVERY_SECONDS = 60


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # unfold has no types
    """Name and password; guessing is stopped before the password is looked at."""

    def clean(self) -> Any:
        attempt = admit(self.cleaned_data.get("username", ""), client_address(self.request))
        if attempt is None:
            raise ValidationError(TOO_MANY)
        try:
            cleaned = super().clean()
        except ValidationError:
            note(self.request, "refused", "A sign-in was refused.", username=attempt.username)
            raise
        if self.get_user() is not None:
            was_right(attempt)
        return cleaned


class SignInMiddleware:
    """Ends sessions that are over, and lets nobody past who must still show a second factor."""

    def __init__(self, get_response: Callable[[Any], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        if not request.path_info.startswith(CONSOLE) or not request.user.is_authenticated:
            return self.get_response(request)
        if _is_over(request):
            logout(request)
            messages.info(request, "You were signed out, because nobody should stay signed in for so long.")
            return redirect(f"{reverse('admin:login')}?next={CONSOLE}")
        if request.path_info not in map(reverse, OPEN) and not is_through(request.user):
            return redirect("second_factor")
        return self.get_response(request)


def is_through(user: Any) -> bool:
    """Whether the person has shown all that is asked of them."""
    return user.is_verified() or not needs_second_factor(user)


def needs_second_factor(user: Any) -> bool:
    """Whoever may do more than look, and whoever has one."""
    if user.get_username() in settings.SECOND_FACTOR_EXEMPT:
        return False
    return (settings.SECOND_FACTOR_REQUIRED and _acts(user)) or user_has_device(user)


def _acts(user: Any) -> bool:
    rights = (right.partition(".")[2] for right in user.get_all_permissions())
    return user.is_superuser or any(not right.startswith("view_") for right in rights)


def _is_over(request: Any) -> bool:
    now, session = int(time.time()), request.session
    started, seen = session.setdefault(STARTED_AT, now), session.setdefault(SEEN_AT, now)
    if now - started > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_SECONDS:
        return True
    if now - seen >= SEEN_EVERY_SECONDS:
        session[SEEN_AT] = now
    return False


def remember_sign_in(sender: object, request: Any, user: Any, **_: object) -> None:
    """A password that was just given is proof, where nothing else is asked for."""
    note(request, "signed_in", "Gave the right password.", username=user.get_username())
    if not needs_second_factor(user):
        proved(request)
