"""Charges: the list that finance staff search all day, and the whole story of one charge on one page."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from core.console import DayFilter
from core.showing import mode
from payments.admin import doubting, holding, refunding
from payments.admin.columns import PAYMENT_FILTERS, PaymentAdmin
from payments.admin.possible import doubts, possible
from payments.admin.story import story_of
from payments.models import Charge, Refund
from payments.showing import card_text, shown_state, state_badge
from risk.explaining import explain
from risk.models import Review

REFUNDED = (
    Refund.objects.filter(charge=OuterRef("pk"), state=Refund.State.SUCCEEDED, voids=False)
    .order_by()
    .values("charge")
    .annotate(total=Sum("amount_minor"))
    .values("total")
)
# Where a search by id leads, by the id's prefix.
ID_LOOKUPS = {
    "ch": "public_id",
    "pi": "payment_intent__public_id",
    "re": "refunds__public_id",
    "op": "operations__public_id",
}


@admin.register(Charge)
class ChargeAdmin(PaymentAdmin):
    page_template = "payments/charge.html"
    export_fields = [
        *(
            "public_id",
            "payment_intent__public_id",
            "state",
            "amount_minor",
            "captured_minor",
            "refunded_minor",
        ),
        *("fee_minor", "currency", "card_brand", "card_last4", "processor", "processor_id", "description"),
        *("livemode", "merchant__public_id", "merchant__name", "created_at"),
    ]
    list_display = ["id_column", "amount", "status", "card", "merchant", "mode", "created"]
    list_display_links = None
    list_select_related = ["merchant", "payment_intent"]
    list_filter = ["state", *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id"]
    search_help_text = "Any id, last four digits, description"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Charge]:
        rows: QuerySet[Charge] = super().get_queryset(request)
        return rows.annotate(refunded_minor=Coalesce(Subquery(REFUNDED), 0))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if lookup := ID_LOOKUPS.get(term.partition("_")[0]) if "_" in term else None:
            return queryset.filter(**{lookup: term}), False
        if not term:
            return queryset, False
        where = Q(description__icontains=term)
        if len(term) == 4 and term.isdecimal():
            where |= Q(card_last4=term)
        return queryset.filter(where), False

    @admin.display(description="card")
    def card(self, charge: Charge) -> str:
        return card_text(charge)

    @admin.display(description="status")
    def status(self, charge: Any) -> SafeString:
        return state_badge(shown_state(charge, charge.refunded_minor))

    def page(self, request: HttpRequest, charge: Any) -> dict[str, Any]:
        story = story_of(charge)
        return {
            "title": f"Charge {charge.public_id}",
            "story": story,
            "state": state_badge(shown_state(charge, charge.refunded_minor)),
            "mode": mode(charge.livemode),
            "card": card_text(charge),
            "possible": possible(request, charge, story),
            "doubts": doubts(story),
            "may_decide": doubting.may_decide(request),
            "explained": explain(charge.decision) if charge.decision else None,
            "review": Review.objects.filter(public_id=charge.review).first() if charge.review else None,
        }

    def get_urls(self) -> list[URLPattern]:
        ways = {"refund": self.refund, "capture": self.capture, "void": self.void}
        urls: list[URLPattern] = super().get_urls()
        return [
            *(
                path(f"<int:pk>/{way}/", self.admin_site.admin_view(view), name=f"payments_charge_{way}")
                for way, view in ways.items()
            ),
            *urls,
        ]

    def refund(self, request: HttpRequest, pk: int) -> HttpResponse:
        return refunding.refund_page(self, request, pk)

    def capture(self, request: HttpRequest, pk: int) -> HttpResponse:
        return holding.capture_page(self, request, pk)

    def void(self, request: HttpRequest, pk: int) -> HttpResponse:
        return holding.void_page(self, request, pk)
