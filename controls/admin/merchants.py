"""Merchants in the console."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from controls.admin.keys import state
from controls.admin.origins import OriginPages, browser_facts
from core.once import first_time
from core.showing import link, moment, page_url
from merchants.forms import MerchantForm, OrdersForm
from merchants.models import ApiKey, Merchant
from merchants.services import create_merchant, hash_key, name_orders_by

# The latest; older ones are in the history.
MAX_CHANGES = 20


@admin.register(Merchant)
class MerchantAdmin(OriginPages):
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
            "keys": [(key, state(key)) for key in keys],
            "changes": _changes(merchant),
            **browser_facts(merchant),
            "may_issue": request.user.has_perm("merchants.add_apikey"),
            "may_change": request.user.has_perm("merchants.change_apikey"),
        }

    def get_urls(self) -> list[URLPattern]:
        orders = self.admin_site.admin_view(self.orders)
        return [path("<int:pk>/orders/", orders, name="merchants_orders"), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A merchant with its four keys, shown in the answer to the form and never again."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = MerchantForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self.form_page(request, form, title="New merchant", button="Create merchant")
        if not first_time(request):
            messages.info(request, "That form was used already. Keys are shown once, when they are made.")
            return redirect("admin:merchants_merchant_changelist")
        with transaction.atomic():
            made = create_merchant(form.cleaned_data["name"])
            self.log_addition(request, made.merchant, "Created with four keys.")
            key = ApiKey.objects.get(hash=hash_key(made.keys["sk_live"]))
            waits = self.approval_of(request, key, "The keys of a new merchant.")
        return self.shown_once(request, made.merchant, list(made.keys.values()), "Merchant created", waits)

    def orders(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Where the merchant's payments name their order."""
        self.require(request, "merchants.change_merchant")
        merchant = get_object_or_404(Merchant, pk=pk)
        form = OrdersForm(request.POST or None, initial={"key": merchant.order_metadata_key})
        if not (request.method == "POST" and form.is_valid()):
            return self.form_page(request, form, row=merchant, title=f"Orders of {merchant}", button="Save")
        with transaction.atomic():
            name_orders_by(merchant, form.cleaned_data["key"])
            said = f"Orders are named by metadata '{merchant.order_metadata_key}'."
            self.log_change(request, merchant, said)
        return self.back_to(merchant)


def _changes(merchant: Merchant) -> list[LogEntry]:
    changes = LogEntry.objects.filter(content_type__model="merchant", object_id=str(merchant.pk))
    return list(changes.select_related("user").order_by("-pk")[:MAX_CHANGES])


def _usable() -> Q:
    unended = Q(keys__expires_at=None) | Q(keys__expires_at__gt=timezone.now())
    return Q(unended, keys__revoked_at=None, keys__awaits_approval=False)
