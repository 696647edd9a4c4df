"""The second factor at the console: a code of an authenticator app, or one of the recovery codes that were shown
once. django-otp checks them, under a lock, each only once."""

from typing import Any

import segno
from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django_otp import devices_for_user, login, user_has_device, verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from core.audit import note
from core.identity import client_address, is_fresh, prove_first, proved
from gateway.guesses import TOO_MANY, admit, was_right

HOME = "/admin/"
RECOVERY_CODES = 10
TOTP_DIGITS = 6


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=16,
        label="Code of your authenticator app, or a recovery code",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )


class PasswordForm(forms.Form):
    code = forms.CharField(
        max_length=128,
        label="Your password",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


@never_cache
def verify(request: Any) -> HttpResponse:
    """Asks for the code after the password."""
    if not admin.site.has_permission(request):
        return redirect("admin:login")
    if not user_has_device(request.user):
        return redirect("second_factor_enrol")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _is_right(request, form):
        return redirect(_next(request))
    return _page(request, "console/second_factor.html", title="Second factor", form=form)


@never_cache
def enrol(request: Any) -> HttpResponse:
    """Shows a secret for the authenticator app, and keeps it once a code proves that it has arrived."""
    if not admin.site.has_permission(request):
        return redirect("admin:login")
    if user_has_device(request.user):
        return redirect("second_factor")
    device, _made = TOTPDevice.objects.get_or_create(user=request.user, name="console", confirmed=False)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _is_right(request, form, device):
        return _show_codes(request)
    return _page(
        request,
        "console/enrol.html",
        title="Set up a second factor",
        form=form,
        # Made of our own link by segno, which escapes what is in it.
        qr=mark_safe(segno.make(device.config_url).svg_inline(scale=5, light="#fff")),  # noqa: S308
        secret=device.config_url.partition("secret=")[2].partition("&")[0],
    )


@never_cache
def recovery_codes(request: Any) -> HttpResponse:
    """New recovery codes in place of the old ones, for somebody who has just shown who they are."""
    if not admin.site.has_permission(request):
        return redirect("admin:login")
    if not request.user.is_verified():
        return redirect("second_factor")
    if not is_fresh(request):
        return prove_first(request)
    if request.method == "POST":
        return _show_codes(request)
    left = StaticToken.objects.filter(device__user=request.user).count()
    return _page(request, "console/recovery_codes.html", title="Recovery codes", left=left)


@never_cache
def confirm(request: Any) -> HttpResponse:
    """Asks once more who is there, before something that matters: the code, or the password where there is none."""
    if not admin.site.has_permission(request):
        return redirect("admin:login")
    form = (CodeForm if user_has_device(request.user) else PasswordForm)(request.POST or None)
    if request.method == "POST" and form.is_valid() and _is_right(request, form):
        return redirect(_next(request))
    return _page(request, "console/second_factor.html", title="Is it still you?", form=form)


def forget(user: Any) -> None:
    """Somebody lost their phone and their codes: they set up a new second factor when they next sign in."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()


def _is_right(request: Any, form: Any, new: TOTPDevice | None = None) -> bool:
    """Whether the code is one; if so, the session is worth more from now on. Else the form says why."""
    attempt = admit(request.user.get_username(), client_address(request))
    if attempt is None:
        form.add_error(None, TOO_MANY)
        return False
    code = form.cleaned_data["code"].replace(" ", "").lower()
    if isinstance(form, PasswordForm):
        right = request.user.check_password(form.cleaned_data["code"])
    else:
        right = _accept(request, code, new)
    if not right:
        note(request, "refused", "A code or a password was wrong.")
        form.add_error("code", "This is not right, or it was used before. Each code works once.")
        return False
    was_right(attempt)
    proved(request)
    note(request, "signed_in", "Set up a second factor." if new else "Gave a right code or password.")
    return True


def _accept(request: Any, code: str, new: TOTPDevice | None) -> bool:
    kind = TOTPDevice if len(code) == TOTP_DIGITS and code.isdecimal() else StaticDevice
    known = [new] if new else [one for one in devices_for_user(request.user) if isinstance(one, kind)]
    for one in known:
        device = verify_token(request.user, one.persistent_id, code)
        if device is not None:
            if not device.confirmed:
                device.confirmed = True
                device.save(update_fields=["confirmed"])
            login(request, device)
            return True
    return False


def _show_codes(request: Any) -> HttpResponse:
    """The recovery codes, in the one answer that ever shows them."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=request.user).delete()
        device = StaticDevice.objects.create(user=request.user, name="recovery codes")
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
        note(request, "changed", "Made new recovery codes.")
    return _page(request, "console/recovery_codes.html", title="Recovery codes", codes=codes)


def _next(request: HttpRequest) -> str:
    wanted = request.GET.get("next", HOME)
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else HOME


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
