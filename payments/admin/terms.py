"""Terms in the console: when a merchant is paid out, what is held back, how deep refunds may take them into debt.
They are changed through their service, with a reason that the audit keeps."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextInputWidget

from core.console import Audited
from core.exporting import Exportable
from payments.models import Terms
from payments.services.terms import agree_on


class TermsForm(forms.ModelForm[Terms]):
    reason = forms.CharField(label="Why?", max_length=200, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = Terms
        fields = "__all__"


@admin.register(Terms)
class TermsAdmin(Exportable, Audited, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = TermsForm
    paginator = InfinitePaginator
    show_full_result_count = False
    export_fields = [
        *("merchant__public_id", "merchant__name", "payout_interval", "payout_weekday", "payout_day"),
        *("payout_minimum_minor", "reserve_basis_points", "reserve_days", "reserve_fixed_minor"),
        *("debt_limit_minor", "dispute_fees"),
    ]
    list_display = [
        "merchant",
        "payout_interval",
        "payouts_from",
        "reserve",
        "debt_limit",
    ]
    list_filter = ["payout_interval"]
    list_select_related = ["merchant"]
    ordering = ["merchant__name", "pk"]
    search_fields = ["merchant__name", "merchant__public_id__exact"]
    actions = None

    @admin.display(description="Payouts from (smallest unit)", ordering="payout_minimum_minor")
    def payouts_from(self, terms: Terms) -> int:
        return terms.payout_minimum_minor

    @admin.display(description="Held back", ordering="reserve_basis_points")
    def reserve(self, terms: Terms) -> str:
        if not terms.reserve_basis_points:
            return "–"
        return f"{terms.reserve_basis_points / 100:g} % for {terms.reserve_days} days"

    @admin.display(description="Debt at most (smallest unit)", ordering="debt_limit_minor")
    def debt_limit(self, terms: Terms) -> str | int:
        return "No limit" if terms.debt_limit_minor is None else terms.debt_limit_minor

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["merchant"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = [field.name for field in Terms._meta.fields if not field.primary_key]
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return [*fields, "reason"] if may else fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, terms: Any, form: Any, change: bool) -> None:
        agree_on(terms)
        terms.reason = form.cleaned_data["reason"]

    def audit_words(self, row: Any) -> str:
        return f"Because: {getattr(row, 'reason', '–')}"
