"""The books in the console: to look at, never to change."""

from datetime import UTC, date, datetime, time

from django import forms
from django.contrib import admin
from django.core.exceptions import SuspiciousOperation
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action

from core.console import ModeFilter, ReadOnlyAdmin, mode, moment, money
from ledger import queries
from ledger.models import LedgerAccount, LedgerEntry, LedgerSeal, LedgerTransaction
from ledger.statements import statement

# More than anyone reads on one page; the sums below them are of all accounts.
MAX_ACCOUNTS_SHOWN = 1_000
MAX_ID = 2**63 - 2


class StatementForm(forms.Form):
    day = forms.DateField(required=False)
    before = forms.IntegerField(required=False, min_value=1, max_value=MAX_ID)


class Columns:
    """Columns that accounts, transactions and entries share."""

    @admin.display(description="mode", ordering="livemode")
    def mode(self, row: LedgerAccount | LedgerTransaction) -> SafeString:
        return mode(row.livemode)

    @admin.display(description="debit")
    def debit(self, entry: LedgerEntry) -> str:
        return money(entry.amount_minor, entry.currency) if entry.amount_minor > 0 else ""

    @admin.display(description="credit")
    def credit(self, entry: LedgerEntry) -> str:
        return money(-entry.amount_minor, entry.currency) if entry.amount_minor < 0 else ""


class EntryInline(Columns, TabularInline):  # type: ignore[misc]  # unfold has no types
    model = LedgerEntry
    fields = ["account", "debit", "credit"]
    readonly_fields = fields
    ordering = ["pk"]
    extra = 0
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        entries: QuerySet[LedgerEntry] = super().get_queryset(request)
        return entries.select_related("account")


@admin.register(LedgerAccount)
class LedgerAccountAdmin(Columns, ReadOnlyAdmin):
    export_fields = ["address", "currency", "livemode", "merchant__public_id", "merchant__name", "created_at"]
    list_display = ["address", "currency", "mode", "merchant", "created"]
    ordering = ["address", "currency"]
    sortable_by = ["address"]
    list_filter = [("livemode", ModeFilter), "currency"]
    list_select_related = ["merchant"]
    search_fields = ["address"]
    fields = ["address", "currency", "mode", "merchant", "created", "balance"]
    readonly_fields = ["mode", "created", "balance"]
    actions_list = ["trial_balance"]
    actions_detail = ["statement"]

    @admin.display(description="created")
    def created(self, account: LedgerAccount) -> SafeString | str:
        return moment(account.created_at)

    @admin.display(description="balance (debit minus credit)")
    def balance(self, account: LedgerAccount) -> str:
        total = queries.balance(account.address, account.currency, account.livemode)
        return money(total, account.currency)

    @action(description="Statement", url_path="statement", permissions=["view"], icon="receipt")  # type: ignore[untyped-decorator]
    def statement(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The account's entries, each with the balance after it; as of the end of a day, if one is asked for."""
        account = get_object_or_404(LedgerAccount, pk=object_id)
        day, at, before = _asked(request)
        return self.render(
            request,
            "ledger/statement.html",
            row=account,
            title=f"Statement of {account}",
            day=day,
            statement=statement(account, at=at, before=before),
        )

    @action(description="Trial balance", url_path="trial-balance", permissions=["view"], icon="balance")  # type: ignore[untyped-decorator]
    def trial_balance(self, request: HttpRequest) -> HttpResponse:
        """Every account of one mode with its debits and credits, and the sums that must be zero."""
        livemode = request.GET.get("mode") == "live"
        day, at, _ = _asked(request)
        currencies = queries.currency_totals(livemode, at=at)
        return self.render(
            request,
            "ledger/trial_balance.html",
            title="Trial balance",
            livemode=livemode,
            day=day,
            accounts=queries.trial_balance(livemode, limit=MAX_ACCOUNTS_SHOWN, at=at),
            currencies=currencies,
            shown=MAX_ACCOUNTS_SHOWN if sum(row.accounts for row in currencies) > MAX_ACCOUNTS_SHOWN else 0,
        )


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(Columns, ReadOnlyAdmin):
    export_fields = [
        *("id", "reference", "kind", "livemode", "merchant__public_id", "merchant__name"),
        *("occurred_at", "booked_at", "reverses__reference"),
    ]
    list_display = ["reference", "kind", "merchant", "mode", "occurred", "booked"]
    list_filter = [("livemode", ModeFilter)]
    list_select_related = ["merchant"]
    # Exact: a search by a part of it would read the whole table.
    search_fields = ["reference__exact"]
    search_help_text = "The whole reference"
    # What an index can sort.
    sortable_by = ["reference", "booked"]
    fields = ["reference", "kind", "mode", "merchant", "occurred", "booked", "reverses"]
    readonly_fields = ["mode", "occurred", "booked"]
    inlines = [EntryInline]

    @admin.display(description="happened", ordering="occurred_at")
    def occurred(self, transaction: LedgerTransaction) -> SafeString | str:
        return moment(transaction.occurred_at)

    @admin.display(description="booked", ordering="pk")
    def booked(self, transaction: LedgerTransaction) -> SafeString | str:
        return moment(transaction.booked_at)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(Columns, ReadOnlyAdmin):
    export_fields = [
        *(
            "id",
            "transaction__reference",
            "transaction__kind",
            "account__address",
            "amount_minor",
            "currency",
        ),
        *("account__livemode", "transaction__booked_at"),
    ]
    list_display = ["id", "transaction", "account", "debit", "credit"]
    sortable_by = ["id"]
    fields = ["transaction", "account", "debit", "credit"]
    readonly_fields = ["debit", "credit"]
    list_select_related = ["transaction", "account"]
    search_fields = ["account__address__exact"]
    search_help_text = "The whole address of an account"


@admin.register(LedgerSeal)
class LedgerSealAdmin(ReadOnlyAdmin):
    export_fields = ["number", "sealed_at", "transactions", "entries", "hash"]
    list_display = ["number", "sealed", "transactions", "entries", "digest"]
    sortable_by = ["number"]
    fields = ["number", "sealed", "transactions", "entries", "digest"]
    readonly_fields = ["sealed", "digest"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerSeal]:
        seals: QuerySet[LedgerSeal] = super().get_queryset(request)
        return seals.defer("leaves")

    @admin.display(description="sealed")
    def sealed(self, seal: LedgerSeal) -> SafeString | str:
        return moment(seal.sealed_at)

    @admin.display(description="hash")
    def digest(self, seal: LedgerSeal) -> str:
        return bytes(seal.hash).hex()


def _asked(request: HttpRequest) -> tuple[str, datetime | None, int | None]:
    """The day as it was asked for, its end, and the entry before which a page begins."""
    form = StatementForm(request.GET)
    if not form.is_valid():
        raise SuspiciousOperation(str(form.errors))
    day: date | None = form.cleaned_data["day"]
    at = datetime.combine(day, time.max, UTC) if day else None
    return day.isoformat() if day else "", at, form.cleaned_data["before"]
