"""Payouts and the accounts that they go to."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from core.console import DayFilter
from core.showing import mode, moment
from payments.admin.columns import PAYMENT_FILTERS, PaymentAdmin
from payments.admin.story import Call, Told, answer_of
from payments.models import Payout
from payments.showing import state_badge, who


@admin.register(Payout)
class PayoutAdmin(PaymentAdmin):
    page_template = "payments/payout.html"
    export_fields = [
        *("public_id", "state", "amount_minor", "currency", "arrival_on", "scheduled_on", "processor"),
        *("failure_code", "livemode", "merchant__public_id", "merchant__name", "created_at"),
    ]
    list_display = ["id_column", "amount", "status", "account", "arrival", "merchant", "mode", "created"]
    list_display_links = None
    list_select_related = ["merchant", "bank_account"]
    list_filter = ["state", *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id__exact"]
    search_help_text = "The whole id"

    @admin.display(description="goes to")
    def account(self, payout: Payout) -> str:
        return str(payout.bank_account)

    @admin.display(description="arrives")
    def arrival(self, payout: Payout) -> SafeString | str:
        return moment(payout.arrival_on)

    def page(self, request: HttpRequest, payout: Any) -> dict[str, Any]:
        return {
            "title": f"Payout {payout.public_id}",
            "state": state_badge(payout.state),
            "mode": mode(payout.livemode),
            "calls": [Call(each, answer_of(each)) for each in payout.operations.order_by("pk")],
            "timeline": [
                Told(entry, who(entry.actor), [("payout", entry.payout_state)])
                for entry in payout.timeline.select_related("operation").order_by("pk")
            ],
        }
