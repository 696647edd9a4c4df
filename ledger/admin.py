"""The books in the console: to look at, never to change."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from ledger import queries
from ledger.lines import amount_text
from ledger.models import LedgerAccount, LedgerEntry, LedgerTransaction

# Nobody pages further by hand, and counting millions of rows for a page number takes seconds.
MAX_LISTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # no subscript at run time
    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows[:MAX_LISTED].count()


class ReadOnly:
    """Permissions on a table that services alone write."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    paginator = BoundedPaginator
    show_full_result_count = False
    ordering = ["-pk"]


class Sides:
    """An entry's amount in one of two columns, as books show it."""

    @admin.display(description="debit")
    def debit(self, entry: LedgerEntry) -> str:
        return amount_text(entry.amount_minor, entry.currency) if entry.amount_minor > 0 else ""

    @admin.display(description="credit")
    def credit(self, entry: LedgerEntry) -> str:
        return amount_text(-entry.amount_minor, entry.currency) if entry.amount_minor < 0 else ""


class EntryInline(ReadOnly, Sides, TabularInline):  # type: ignore[misc]
    model = LedgerEntry
    fields = ["account", "debit", "credit"]
    readonly_fields = fields
    ordering = ["pk"]
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        entries: QuerySet[LedgerEntry] = super().get_queryset(request)
        return entries.select_related("account")


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin):
    list_display = ["address", "currency", "livemode", "merchant", "created_at"]
    list_filter = ["livemode", "currency"]
    list_select_related = ["merchant"]
    search_fields = ["address"]
    readonly_fields = ["balance"]
    actions_list = ["trial_balance"]

    @admin.display(description="balance (debit minus credit)")
    def balance(self, account: LedgerAccount) -> str:
        total = queries.balance(account.address, account.currency, account.livemode)
        return amount_text(total, account.currency)

    @action(description="Trial balance", url_path="trial-balance", permissions=["view"], icon="balance")  # type: ignore[untyped-decorator]
    def trial_balance(self, request: HttpRequest) -> HttpResponse:
        """Every account of one mode with its debits and credits, and the sums that must be zero."""
        livemode = request.GET.get("mode") == "live"
        context = {
            **self.admin_site.each_context(request),
            "title": "Trial balance",
            "opts": self.model._meta,
            "livemode": livemode,
            "accounts": queries.trial_balance(livemode),
            "currencies": queries.currency_totals(livemode),
        }
        return TemplateResponse(request, "ledger/trial_balance.html", context)


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ReadOnlyAdmin):
    list_display = ["reference", "kind", "merchant", "livemode", "occurred_at", "booked_at"]
    list_filter = ["livemode"]
    list_select_related = ["merchant"]
    # Exact: a search by a part of it would read the whole table.
    search_fields = ["reference__exact"]
    search_help_text = "the whole reference"
    exclude = ["xid"]
    inlines = [EntryInline]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(Sides, ReadOnlyAdmin):
    list_display = ["id", "transaction", "account", "debit", "credit"]
    list_select_related = ["transaction", "account"]
    search_fields = ["account__address__exact"]
    search_help_text = "the whole address of an account"
