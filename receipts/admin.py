"""Receipts in the console: what was sent, what came back and why; and which merchants want them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from core.audit import note
from core.console import Audited, DayFilter, ModeFilter, ReadOnlyAdmin, money
from core.exporting import Exportable
from receipts.models import Receipt, ReceiptSetting
from receipts.services.settings import send_again, want_receipts

STATE_COLOURS = {
    Receipt.State.PENDING: "warning",
    Receipt.State.SENT: "success",
    Receipt.State.FAILED: "danger",
    Receipt.State.BOUNCED: "danger",
}


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    export_fields = [
        *(
            "public_id",
            "object_id",
            "kind",
            "state",
            "email",
            "amount_minor",
            "currency",
            "last_error",
            "livemode",
        ),
        *("merchant__public_id", "merchant__name", "created_at", "sent_at"),
    ]
    list_display = [
        "object_id",
        "kind",
        "shown_state",
        "email",
        "amount",
        "merchant",
        "last_error",
        "created_at",
    ]
    list_filter = ["state", "kind", ("livemode", ModeFilter), ("created_at", DayFilter)]
    search_fields = ["public_id__exact", "object_id__exact", "email__exact", "charge__public_id__exact"]
    search_help_text = "The whole id of a charge or refund, or the whole address"
    list_select_related = ["merchant"]
    fields = [
        *("public_id", "merchant", "livemode", "kind", "object_id", "email", "language", "amount"),
        *("shown_state", "failures", "last_error", "next_attempt_at", "created_at", "sent_at"),
    ]
    readonly_fields = ["shown_state", "amount"]
    actions = ["send_again"]  # type: ignore[assignment]  # the console's other tables have none

    @display(description="state", ordering="state", label=STATE_COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, receipt: Receipt) -> str:
        return receipt.state

    @admin.display(description="amount")
    def amount(self, receipt: Receipt) -> str:
        return str(money(receipt.amount_minor, receipt.currency))

    @admin.action(description="Send those again that failed or bounced", permissions=["resend"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Receipt]) -> None:
        ids = sorted(chosen.values_list("pk", flat=True))
        with transaction.atomic():
            due = send_again(ids)
            said = f"Sent {due} receipts again: {', '.join(map(str, ids))}."
            note(request, "changed", said, chosen.first() if len(ids) == 1 else None)
        self.message_user(request, f"{due} will be sent within a few seconds.", messages.SUCCESS)

    def has_resend_permission(self, request: Any) -> bool:
        return bool(request.user.has_perm("receipts.change_receipt"))


@admin.register(ReceiptSetting)
class ReceiptSettingAdmin(Exportable, Audited, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """One form; what it says goes through the service. Receipts are turned off, never forgotten."""

    export_fields = ["merchant__public_id", "merchant__name", "enabled", "language", "test_mode"]
    list_display = ["merchant", "enabled", "language", "test_mode"]
    list_select_related = ["merchant"]
    fields = ["merchant", "enabled", "language", "test_mode"]
    autocomplete_fields = ["merchant"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["merchant"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: ReceiptSetting, form: "forms.ModelForm[ReceiptSetting]", change: bool
    ) -> None:
        setting = want_receipts(
            obj.merchant_id, enabled=obj.enabled, language=obj.language, test_mode=obj.test_mode
        )
        obj.pk = setting.pk
