"""The keys of merchants in the console. Every change goes through the services; a key's text is in the one response
that follows its making, and nowhere else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from controls import key_addresses, live_keys
from controls.models import Approval
from core.audit import note
from core.console import ReadOnlyAdmin
from core.once import first_time, open_form
from core.showing import badge, page_url
from merchants.forms import KINDS, AddressesForm, IssueForm, LeakForm, RollForm
from merchants.models import ApiKey, Merchant
from merchants.services import (
    allow_addresses,
    issue_key,
    issue_successor,
    key_of,
    revoke_key,
    roll_key,
)


class KeyPages(ReadOnlyAdmin):
    """Makes, replaces and revokes the keys of the row's merchant."""

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:pk>/keys/issue/", self.issue, "merchants_key_issue"),
            ("<int:pk>/keys/<int:key_pk>/roll/", self.roll, "merchants_key_roll"),
            ("<int:pk>/keys/<int:key_pk>/revoke/", self.revoke, "merchants_key_revoke"),
            ("<int:pk>/keys/<int:key_pk>/addresses/", self.addresses, "merchants_key_addresses"),
            ("keys/leaked/", self.leaked, "merchants_key_leaked"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [
            *(path(route, self.admin_site.admin_view(view), name=name) for route, view, name in views),
            *urls,
        ]

    def issue(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One more key."""
        self.require(request, "merchants.add_apikey")
        merchant = get_object_or_404(Merchant, pk=pk)
        form = IssueForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self.form_page(
                request, form, row=merchant, title=f"New key for {merchant}", button="Make the key"
            )
        if not first_time(request):
            return self._used(request, merchant)
        kind, livemode = next((k, m) for prefix, k, m in KINDS if prefix == form.cleaned_data["kind"])
        with transaction.atomic():
            key, text = issue_key(
                merchant,
                kind=kind,
                livemode=livemode,
                scopes=form.cleaned_data["scopes"],
                addresses=form.cleaned_data["addresses"],
            )
            reason = form.cleaned_data["reason"]
            self.log_change(request, merchant, f"Issued key {key}{_limits(key)}: {reason}")
            waits = self.approval_of(request, key, reason)
        return self.shown_once(request, merchant, [text], "New key", waits)

    def roll(self, request: HttpRequest, pk: int, key_pk: int) -> HttpResponse:
        """A successor for a key, which goes on working for as long as is chosen."""
        key = self._key(request, pk, key_pk)
        if not key.usable or key.expires_at is not None:
            messages.warning(request, f"{key} has a successor or is out of use already.")
            return self.back_to(key.merchant)
        form = RollForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self.form_page(
                request,
                form,
                row=key.merchant,
                title=f"Replace {key}",
                button="Make the new key",
                note="A new key is made. Give it to the merchant before the old one stops working.",
            )
        if not first_time(request):
            return self._used(request, key.merchant)
        hours, reason = int(form.cleaned_data["overlap"]), form.cleaned_data["reason"]
        waits = None
        with transaction.atomic():
            if live_keys.take_two(key):
                successor, text = issue_successor(key)
                waits = self._hold(request, successor, reason, replaces=key, hours=hours)
                said = f"Asks to replace {key} by {successor}: {reason}"
            else:
                successor, text = roll_key(key, overlap=timedelta(hours=hours))
                said = f"Replaced {key} by {successor}; the old one ends in {hours} h: {reason}"
            self.log_change(request, key.merchant, said)
        return self.shown_once(request, key.merchant, [text], "New key", waits)

    def approval_of(self, request: Any, key: ApiKey, reason: str) -> Approval | None:
        """What the new key waits for; None where it takes one person. Inside the transaction that made it."""
        return self._hold(request, key, reason) if live_keys.take_two(key) else None

    def _hold(self, request: Any, key: ApiKey, reason: str, **replacing: Any) -> Approval:
        approval = live_keys.hold(key, maker=request.user, reason=reason, **replacing)
        note(request, "changed", f"Asks somebody to approve {key}: {approval}.", approval)
        return approval

    def revoke(self, request: HttpRequest, pk: int, key_pk: int) -> HttpResponse:
        """Asks first: whatever uses the key stops working."""
        key = self._key(request, pk, key_pk)
        if request.method != "POST":
            return self.form_page(
                request,
                forms.Form(),
                row=key.merchant,
                title=f"Revoke {key}",
                button="Revoke the key",
                note=f"Whatever calls us with {key} is refused within seconds. This can not be undone.",
                danger=True,
            )
        return self._revoke(request, key)

    def addresses(self, request: HttpRequest, pk: int, key_pk: int) -> HttpResponse:
        """From where the key may be used."""
        key = self._key(request, pk, key_pk)
        if key.kind == ApiKey.Kind.PUBLISHABLE:
            messages.info(request, "Browsers use a publishable key from anywhere.")
            return self.back_to(key.merchant)
        form = AddressesForm(request.POST or None, initial={"addresses": "\n".join(key.addresses)})
        if not (request.method == "POST" and form.is_valid()):
            return self.form_page(
                request, form, row=key.merchant, title=f"Where {key} may be used from", button="Save"
            )
        wanted, reason = form.cleaned_data["addresses"], form.cleaned_data["reason"]
        with transaction.atomic():
            if key_addresses.take_two(key):
                once = request.POST.get("nonce", "")
                approval = key_addresses.ask(key, wanted, maker=request.user, reason=reason, once=once)
                note(request, "changed", f"Asks somebody to approve {approval}.", approval)
                messages.info(request, f"Somebody else has to agree: {approval.public_id}.")
            else:
                allow_addresses(key, wanted)
                said = f"{key} may be used from {key_addresses.in_words(key.addresses)}: {reason}"
                self.log_change(request, key.merchant, said)
        return self.back_to(key.merchant)

    def leaked(self, request: HttpRequest) -> HttpResponse:
        """Revokes the key whose text somebody found, whoever's it is."""
        self.require(request, "merchants.change_apikey")
        form = LeakForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            if key := key_of(form.cleaned_data["text"]):
                return self._revoke(request, key, "it was found by somebody else")
            form.add_error("text", "No merchant ever had this key.")
        return self.form_page(request, form, title="A key has leaked", button="Revoke the key", danger=True)

    def _revoke(self, request: HttpRequest, key: ApiKey, because: str = "") -> HttpResponse:
        with transaction.atomic():
            revoke_key(key)
            self.log_change(request, key.merchant, f"Revoked key {key}{because and f': {because}'}.")
        messages.success(request, f"{key} is revoked.")
        return self.back_to(key.merchant)

    def _key(self, request: HttpRequest, pk: int, key_pk: int) -> ApiKey:
        self.require(request, "merchants.change_apikey")
        return get_object_or_404(ApiKey.objects.select_related("merchant"), pk=key_pk, merchant=pk)

    def require(self, request: HttpRequest, permission: str) -> None:
        if not (request.user.has_perm(permission) and self.has_view_permission(request)):
            raise PermissionDenied

    def form_page(
        self, request: HttpRequest, form: forms.Form, *, title: str, button: str, **context: Any
    ) -> HttpResponse:
        back = (
            page_url(context["row"]) if "row" in context else reverse("admin:merchants_merchant_changelist")
        )
        return self.render(
            request,
            "console/form.html",
            title=title,
            form=form,
            button=button,
            back=back,
            nonce=open_form(request),
            **context,
        )

    def shown_once(
        self,
        request: HttpRequest,
        merchant: Merchant,
        texts: list[str],
        title: str,
        waits: Approval | None,
    ) -> HttpResponse:
        """The one page that shows keys: kept by no cache, and left when it is reloaded."""
        response = self.render(
            request, "merchants/keys.html", row=merchant, title=title, texts=texts, waits=waits
        )
        response["Cache-Control"] = "no-store"
        return response

    def _used(self, request: HttpRequest, merchant: Merchant) -> HttpResponse:
        messages.info(request, "That form was used already. A key is shown once, when it is made.")
        return self.back_to(merchant)


def _limits(key: ApiKey) -> str:
    """What the history says of a key that may not everything from everywhere."""
    may = f", which may {', '.join(key.scopes)}" if key.scopes else ""
    return may + (f", from {', '.join(key.addresses)}" if key.addresses else "")


def state(key: ApiKey) -> SafeString:
    if key.revoked_at is not None:
        return badge("Revoked", "bad")
    if key.awaits_approval:
        return badge("Not approved", "open")
    if not key.usable:
        return badge("Expired", "quiet")
    return badge("Being replaced", "open") if key.expires_at else badge("In use", "good")
