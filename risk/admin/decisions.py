"""Decisions in the console: every payment that was judged, and why it came out so."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from core.console import DayFilter, ModeFilter, ReadOnlyAdmin, SelectFilter
from core.showing import badge, link, mode, moment, page_url
from merchants.filters import MerchantFilter
from risk import showing
from risk.explaining import explain
from risk.models import Decision, Rule

MAX_RULES_LISTED = 500


class RuleFilter(SelectFilter):
    title = "rule that decided"
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Rule.objects.order_by("name", "pk").values_list("public_id", "name", "livemode")[
            :MAX_RULES_LISTED
        ]
        return [
            (public_id, f"{name} ({'live' if livemode else 'test'})") for public_id, name, livemode in rows
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(rule=chosen) if chosen else queryset


class CarriedOutFilter(admin.SimpleListFilter):
    title = "what was done"
    parameter_name = "done"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("carried_out", "As the rules say"),
            ("shadow", "Allowed, not enforced"),
            ("fault", "With a fault"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "carried_out":
                return queryset.filter(enforced=True)
            case "shadow":
                return queryset.filter(enforced=False).exclude(verdict="allow")
            case "fault":
                return queryset.exclude(fault="")
        return queryset


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    page_template = "risk/decision.html"
    export_fields = [
        *(
            "charge",
            "payment_intent",
            "verdict",
            "effective",
            "enforced",
            "level",
            "score",
            "model",
            "rule",
            "reason",
        ),
        *(
            "fault",
            "on_fault",
            "took_microseconds",
            "livemode",
            "merchant__public_id",
            "merchant__name",
            "created_at",
        ),
    ]
    list_display = ["payment", "amount", "verdict_column", "why", "risk", "merchant", "shown_mode", "created"]
    list_display_links = None
    list_select_related = ["merchant"]
    list_filter = [
        "verdict",
        CarriedOutFilter,
        RuleFilter,
        ("livemode", ModeFilter),
        MerchantFilter,
        ("created_at", DayFilter),
    ]
    sortable_by = ["created"]

    @admin.display(description="payment")
    def payment(self, decision: Decision) -> SafeString:
        return link(page_url(decision), decision.charge)

    @admin.display(description="amount")
    def amount(self, decision: Decision) -> str:
        return showing.amount(decision)

    @admin.display(description="verdict")
    def verdict_column(self, decision: Decision) -> SafeString:
        said = showing.verdict(decision.verdict)
        return (
            said if decision.verdict == decision.effective else said + SafeString(" ") + badge("not enforced")
        )

    @admin.display(description="why")
    def why(self, decision: Decision) -> str:
        return (f"Fault: {decision.fault}" if decision.fault else decision.reason)[:90] or "No rule matched"

    @admin.display(description="risk")
    def risk(self, decision: Decision) -> SafeString:
        return showing.level(decision)

    @admin.display(description="mode")
    def shown_mode(self, decision: Decision) -> SafeString:
        return mode(decision.livemode)

    @admin.display(description="judged", ordering="pk")
    def created(self, decision: Decision) -> SafeString | str:
        return moment(decision.created_at)

    def page(self, request: HttpRequest, decision: Any) -> dict[str, Any]:
        return {
            "title": f"Decision about {decision.charge}",
            "mode": mode(decision.livemode),
            "amount": showing.amount(decision),
            "level": showing.level(decision),
            "explained": explain(decision),
            "charge_list": f"{reverse('admin:payments_charge_changelist')}?{urlencode({'q': decision.charge})}",
        }
