"""Merchants and their keys in the console. Every change goes through the services; a key's text is in the one
response that follows its making, and nowhere else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from core.console import ReadOnlyAdmin
from core.once import first_time, open_form
from core.showing import badge, link, moment, page_url
from merchants.forms import KINDS, AddressesForm, IssueForm, LeakForm, MerchantForm, OrdersForm, RollForm
from merchants.models import ApiKey, Merchant
from merchants.services import (
    allow_addresses,
    create_merchant,
    issue_key,
    key_of,
    name_orders_by,
    revoke_key,
    roll_key,
)

# The latest; older ones are in the history.
MAX_CHANGES = 20


@admin.register(Merchant)
class MerchantAdmin(ReadOnlyAdmin):
    """Who is paid through us, and with which keys they call."""

    page_template = "merchants/merchant.html"
    export_fields = [
        *("public_id", "name", "settlement_days", "order_metadata_key", "created_at"),
    ]
    list_display = ["name_column", "public_id", "usable_keys", "created"]
    list_display_links = None
    search_fields = ["name", "public_id__exact"]
    search_help_text = "Name, or the whole id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Merchant]:
        rows: QuerySet[Merchant] = super().get_queryset(request)
        return rows.annotate(usable=Count("keys", filter=_usable()))

    @admin.display(description="name", ordering="name")
    def name_column(self, merchant: Merchant) -> SafeString:
        return link(page_url(merchant), merchant.name)

    @admin.display(description="keys in use")
    def usable_keys(self, merchant: Any) -> int:
        return int(merchant.usable)

    @admin.display(description="created", ordering="pk")
    def created(self, merchant: Merchant) -> SafeString | str:
        return moment(merchant.created_at)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("merchants.add_merchant"))

    def page(self, request: HttpRequest, merchant: Any) -> dict[str, Any]:
        keys = merchant.keys.order_by("-livemode", "-kind", "-pk")
        return {
            "title": merchant.name,
            "keys": [(key, _state(key)) for key in keys],
            "changes": _changes(merchant),
            "may_issue": request.user.has_perm("merchants.add_apikey"),
            "may_change": request.user.has_perm("merchants.change_apikey"),
        }

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:pk>/orders/", self.orders, "merchants_orders"),
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

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A merchant with its four keys, shown in the answer to the form and never again."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = MerchantForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self._form(request, form, title="New merchant", button="Create merchant")
        if not first_time(request):
            messages.info(request, "That form was used already. Keys are shown once, when they are made.")
            return redirect("admin:merchants_merchant_changelist")
        with transaction.atomic():
            made = create_merchant(form.cleaned_data["name"])
            self.log_addition(request, made.merchant, "Created with four keys.")
        return self._keys(request, made.merchant, list(made.keys.values()), "Merchant created")

    def orders(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Where the merchant's payments name their order."""
        self._require(request, "merchants.change_merchant")
        merchant = get_object_or_404(Merchant, pk=pk)
        form = OrdersForm(request.POST or None, initial={"key": merchant.order_metadata_key})
        if not (request.method == "POST" and form.is_valid()):
            return self._form(request, form, row=merchant, title=f"Orders of {merchant}", button="Save")
        with transaction.atomic():
            name_orders_by(merchant, form.cleaned_data["key"])
            said = f"Orders are named by metadata '{merchant.order_metadata_key}'."
            self.log_change(request, merchant, said)
        return self.back_to(merchant)

    def issue(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One more key."""
        self._require(request, "merchants.add_apikey")
        merchant = get_object_or_404(Merchant, pk=pk)
        form = IssueForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self._form(
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
            self.log_change(request, merchant, f"Issued key {key}{_limits(key)}.")
        return self._keys(request, merchant, [text], "New key")

    def roll(self, request: HttpRequest, pk: int, key_pk: int) -> HttpResponse:
        """A successor for a key, which goes on working for as long as is chosen."""
        key = self._key(request, pk, key_pk)
        if not key.usable or key.expires_at is not None:
            messages.warning(request, f"{key} has a successor or is out of use already.")
            return self.back_to(key.merchant)
        form = RollForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self._form(
                request,
                form,
                row=key.merchant,
                title=f"Replace {key}",
                button="Make the new key",
                note="A new key is made. Give it to the merchant before the old one stops working.",
            )
        if not first_time(request):
            return self._used(request, key.merchant)
        hours = int(form.cleaned_data["overlap"])
        with transaction.atomic():
            successor, text = roll_key(key, overlap=timedelta(hours=hours))
            said = f"Replaced {key} by {successor}; the old one ends in {hours} h."
            self.log_change(request, key.merchant, said)
        return self._keys(request, key.merchant, [text], "New key")

    def revoke(self, request: HttpRequest, pk: int, key_pk: int) -> HttpResponse:
        """Asks first: whatever uses the key stops working."""
        key = self._key(request, pk, key_pk)
        if request.method != "POST":
            return self._form(
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
            return self._form(
                request, form, row=key.merchant, title=f"Where {key} may be used from", button="Save"
            )
        with transaction.atomic():
            allow_addresses(key, form.cleaned_data["addresses"])
            self.log_change(
                request, key.merchant, f"{key} may be used from {', '.join(key.addresses) or 'anywhere'}."
            )
        return self.back_to(key.merchant)

    def leaked(self, request: HttpRequest) -> HttpResponse:
        """Revokes the key whose text somebody found, whoever's it is."""
        self._require(request, "merchants.change_apikey")
        form = LeakForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            if key := key_of(form.cleaned_data["text"]):
                return self._revoke(request, key, "it was found by somebody else")
            form.add_error("text", "No merchant ever had this key.")
        return self._form(request, form, title="A key has leaked", button="Revoke the key", danger=True)

    def _revoke(self, request: HttpRequest, key: ApiKey, because: str = "") -> HttpResponse:
        with transaction.atomic():
            revoke_key(key)
            self.log_change(request, key.merchant, f"Revoked key {key}{because and f': {because}'}.")
        messages.success(request, f"{key} is revoked.")
        return self.back_to(key.merchant)

    def _key(self, request: HttpRequest, pk: int, key_pk: int) -> ApiKey:
        self._require(request, "merchants.change_apikey")
        return get_object_or_404(ApiKey.objects.select_related("merchant"), pk=key_pk, merchant=pk)

    def _require(self, request: HttpRequest, permission: str) -> None:
        if not (request.user.has_perm(permission) and self.has_view_permission(request)):
            raise PermissionDenied

    def _form(
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

    def _keys(self, request: HttpRequest, merchant: Merchant, texts: list[str], title: str) -> HttpResponse:
        """The one page that shows keys: kept by no cache, and left when it is reloaded."""
        response = self.render(request, "merchants/keys.html", row=merchant, title=title, texts=texts)
        response["Cache-Control"] = "no-store"
        return response

    def _used(self, request: HttpRequest, merchant: Merchant) -> HttpResponse:
        messages.info(request, "That form was used already. A key is shown once, when it is made.")
        return self.back_to(merchant)


def _changes(merchant: Merchant) -> list[LogEntry]:
    changes = LogEntry.objects.filter(content_type__model="merchant", object_id=str(merchant.pk))
    return list(changes.select_related("user").order_by("-pk")[:MAX_CHANGES])


def _usable() -> Q:
    return Q(keys__revoked_at=None) & (Q(keys__expires_at=None) | Q(keys__expires_at__gt=timezone.now()))


def _limits(key: ApiKey) -> str:
    """What the history says of a key that may not everything from everywhere."""
    may = f", which may {', '.join(key.scopes)}" if key.scopes else ""
    return may + (f", from {', '.join(key.addresses)}" if key.addresses else "")


def _state(key: ApiKey) -> SafeString:
    if key.revoked_at is not None:
        return badge("Revoked", "bad")
    if not key.usable:
        return badge("Expired", "quiet")
    return badge("Being replaced", "open") if key.expires_at else badge("In use", "good")
