"""Intents, refunds, operations and balance transactions: lists and pages, read-only. Open operations are the
money in doubt."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from core.console import DayFilter
from core.showing import age, link, mode, money, page_url, words
from payments.admin import doubting
from payments.admin.columns import PAYMENT_FILTERS, PaymentAdmin
from payments.admin.statements import statement_file, statement_page
from payments.admin.story import Call, Told, answer_of
from payments.models import BalanceTransaction, Operation, PaymentIntent, Refund
from payments.showing import state_badge, who

# Of what a balance transaction tells, by its prefix.
KINDS = {"re": "refund", "po": "payout"}


class OutcomeFilter(admin.SimpleListFilter):
    """Open ones come from a partial index, however many have ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        ended = [state for state in Operation.State if state not in Operation.OPEN]
        return [("open", "Open: money in doubt"), *((str(state), words(state)) for state in ended)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen == "open":
            return queryset.filter(next_attempt_at__isnull=False)
        return queryset.filter(state=chosen) if chosen else queryset


@admin.register(PaymentIntent)
class PaymentIntentAdmin(PaymentAdmin):
    page_template = "payments/intent.html"
    export_fields = [
        *(
            "public_id",
            "state",
            "amount_minor",
            "currency",
            "livemode",
            "merchant__public_id",
            "merchant__name",
        ),
        *("description", "created_at"),
    ]
    list_display = ["id_column", "amount", "status", "description", "merchant", "mode", "created"]
    list_display_links = None
    list_filter = ["state", *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id__exact"]
    search_help_text = "The whole id"

    def page(self, request: HttpRequest, intent: Any) -> dict[str, Any]:
        charges = list(intent.charges.order_by("pk"))
        return {
            "title": f"Payment intent {intent.public_id}",
            "state": state_badge(intent.state),
            "mode": mode(intent.livemode),
            "charges": charges,
            "timeline": [
                Told(entry, who(entry.actor), [("intent", entry.intent_state)] if entry.intent_state else [])
                for entry in intent.timeline.select_related("operation", "refund", "charge").order_by("pk")
            ],
        }


@admin.register(Refund)
class RefundAdmin(PaymentAdmin):
    page_template = "payments/refund.html"
    export_fields = [
        *("public_id", "charge__public_id", "state", "amount_minor", "currency", "reason", "livemode"),
        *("merchant__public_id", "merchant__name", "created_at"),
    ]
    list_display = ["id_column", "amount", "status", "of_charge", "why", "merchant", "mode", "created"]
    list_display_links = None
    list_select_related = ["merchant", "charge"]
    list_filter = ["state", *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id__exact", "charge__public_id__exact"]
    search_help_text = "The whole id of a refund or its charge"

    @admin.display(description="charge")
    def of_charge(self, refund: Refund) -> SafeString:
        return link(page_url(refund.charge), refund.charge.public_id)

    @admin.display(description="reason")
    def why(self, refund: Refund) -> str:
        return words(refund.reason) if refund.reason else "–"

    def page(self, request: HttpRequest, refund: Any) -> dict[str, Any]:
        return {
            "title": f"Refund {refund.public_id}",
            "state": state_badge(refund.state),
            "mode": mode(refund.livemode),
            "calls": [Call(each, answer_of(each)) for each in refund.operations.order_by("pk")],
            "timeline": [
                Told(entry, who(entry.actor), [("refund", entry.refund_state)])
                for entry in refund.payment_intent.timeline.filter(refund=refund)
                .select_related("operation", "refund")
                .order_by("pk")
            ],
        }


@admin.register(Operation)
class OperationAdmin(PaymentAdmin):
    """Each call to a processor; the open ones wait for its word."""

    page_template = "payments/operation.html"
    export_fields = [
        *(
            "public_id",
            "kind",
            "state",
            "amount_minor",
            "currency",
            "processor",
            "charge__public_id",
            "livemode",
        ),
        *("merchant__public_id", "merchant__name", "created_at", "deadline_at"),
    ]
    list_display = [
        *("id_column", "what", "amount", "status", "waiting", "of_charge", "merchant", "mode"),
    ]
    list_display_links = None
    list_select_related = ["merchant", "charge"]
    list_filter = [OutcomeFilter, "kind", *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id__exact", "charge__public_id__exact"]
    search_help_text = "The whole id of an operation or its charge"

    @admin.display(description="kind")
    def what(self, operation: Operation) -> str:
        return words(operation.kind)

    @admin.display(description="charge")
    def of_charge(self, operation: Operation) -> SafeString:
        if operation.charge is None:
            return SafeString("–")
        return link(page_url(operation.charge), operation.charge.public_id)

    @admin.display(description="open for")
    def waiting(self, operation: Operation) -> str:
        return age(operation.created_at) if operation.is_open else "–"

    def page(self, request: HttpRequest, operation: Any) -> dict[str, Any]:
        return {
            "title": f"Operation {operation.public_id}",
            "state": state_badge(operation.state),
            "mode": mode(operation.livemode),
            "who": who(operation.actor),
            "charge_page": page_url(operation.charge) if operation.charge else "",
            "answer": answer_of(operation),
            "in_doubt": doubting.is_in_doubt(operation),
            "may_decide": doubting.may_decide(request),
        }

    def get_urls(self) -> list[URLPattern]:
        ways = {"look": self.look, "decide": self.decide}
        urls: list[URLPattern] = super().get_urls()
        return [
            *(
                path(f"<int:pk>/{way}/", self.admin_site.admin_view(view), name=f"payments_operation_{way}")
                for way, view in ways.items()
            ),
            *urls,
        ]

    def look(self, request: HttpRequest, pk: int) -> HttpResponse:
        return doubting.look_page(self, request, pk)

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        return doubting.decide_page(self, request, pk)


@admin.register(BalanceTransaction)
class BalanceTransactionAdmin(PaymentAdmin):
    page_template = "payments/balance_transaction.html"
    export_fields = [
        *("public_id", "type", "source", "amount_minor", "fee_minor", "currency", "state", "available_on"),
        *("livemode", "merchant__public_id", "merchant__name", "ledger_reference", "created_at"),
    ]
    list_display = ["id_column", "kind", "amount", "fee", "net", "available", "merchant", "mode", "created"]
    list_display_links = None
    list_filter = ["type", *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id__exact"]
    search_help_text = "The whole id"

    @admin.display(description="type")
    def kind(self, row: BalanceTransaction) -> str:
        return words(row.type)

    @admin.display(description="fee")
    def fee(self, row: BalanceTransaction) -> str:
        return money(row.fee_minor, row.currency)

    @admin.display(description="net")
    def net(self, row: BalanceTransaction) -> str:
        return money(row.net_minor, row.currency)

    @admin.display(description="available on")
    def available(self, row: BalanceTransaction) -> str:
        return timezone.localtime(row.available_on).strftime("%d %b %Y")

    def get_urls(self) -> list[URLPattern]:
        view, base = self.admin_site.admin_view, "payments_balancetransaction"
        urls: list[URLPattern] = super().get_urls()
        return [
            path("statement/", view(self.statement), name=f"{base}_statement"),
            re_path(
                "statement/(?P<kind>pdf|csv)/$",
                view(self.statement_file),
                name="payments_balancetransaction_file",
            ),
            *urls,
        ]

    def statement(self, request: HttpRequest) -> HttpResponse:
        return statement_page(self, request)

    def statement_file(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        return statement_file(self, request, kind)

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        kind = KINDS.get(row.source.partition("_")[0], "charge")
        return {
            "title": f"Balance transaction {row.public_id}",
            "mode": mode(row.livemode),
            "source_list": reverse(f"admin:payments_{kind}_changelist") + f"?q={row.source}",
            "booking_list": reverse("admin:ledger_ledgertransaction_changelist")
            + f"?q={row.ledger_reference}",
        }
