"""The columns and filters that the lists of payments have in common."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from core.console import ModeFilter, ReadOnlyAdmin, SelectFilter
from core.showing import link, mode, moment, money, page_url
from ledger.models import LedgerAccount
from merchants.filters import MerchantFilter
from payments.showing import state_badge


class CurrencyFilter(SelectFilter):
    """The currencies that the books know: reading them from the payments themselves would take minutes."""

    title = "currency"
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = LedgerAccount.objects.order_by("currency").values_list("currency", flat=True).distinct()
        return [(currency, currency.upper()) for currency in known]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(currency=chosen) if chosen else queryset


class PaymentAdmin(ReadOnlyAdmin):
    """Rows with an amount, a merchant and a mode."""

    list_select_related = ["merchant"]

    @admin.display(description="id")
    def id_column(self, row: Any) -> SafeString:
        return link(page_url(row), row.public_id)

    @admin.display(description="amount")
    def amount(self, row: Any) -> str:
        return money(row.amount_minor, row.currency)

    @admin.display(description="status")
    def status(self, row: Any) -> SafeString:
        return state_badge(row.state)

    @admin.display(description="mode")
    def mode(self, row: Any) -> SafeString:
        return mode(row.livemode)

    @admin.display(description="created", ordering="pk")
    def created(self, row: Any) -> SafeString | str:
        return moment(row.created_at)


PAYMENT_FILTERS: list[Any] = [("livemode", ModeFilter), MerchantFilter, CurrencyFilter]
