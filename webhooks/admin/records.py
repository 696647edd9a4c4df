"""Events and deliveries in the console: to look at. The one thing to do is to send again."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from core.audit import note
from core.console import DayFilter, ModeFilter, ReadOnlyAdmin, SelectFilter
from webhooks.event_types import EVENT_TYPES
from webhooks.models import Delivery, DeliveryAttempt, Event
from webhooks.services.resend import resend

STATE_COLOURS = {
    Delivery.State.PENDING: "warning",
    Delivery.State.SUCCEEDED: "success",
    Delivery.State.GIVEN_UP: "danger",
}


class TypeFilter(SelectFilter):
    """The types that we know: asking the table for its own would read all of it."""

    title = "type"
    parameter_name = "type"
    field = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(type, type) for type in EVENT_TYPES]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(**{self.field: self.value()}) if self.value() else rows


class EventTypeFilter(TypeFilter):
    field = "event__type"


class ReadOnlyInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DeliveriesOfEvent(ReadOnlyInline):
    model = Delivery
    fields = ["endpoint", "state", "attempts", "last_status", "last_error", "next_attempt_at"]
    show_change_link = True


class AttemptsOfDelivery(ReadOnlyInline):
    model = DeliveryAttempt
    fields = ["number", "at", "status", "error", "answer", "duration_ms"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    export_fields = [
        *("public_id", "type", "object_id", "sequence", "livemode", "merchant__public_id", "merchant__name"),
        *("request_id", "created_at"),
    ]
    list_display = ["public_id", "type", "object_id", "sequence", "merchant", "livemode", "created_at"]
    list_filter = [("livemode", ModeFilter), ("created_at", DayFilter), TypeFilter]
    search_fields = ["public_id__exact", "object_id__exact"]
    list_select_related = ["merchant"]
    inlines = [DeliveriesOfEvent]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    export_fields = [
        *(
            "event__public_id",
            "event__type",
            "event__object_id",
            "endpoint__public_id",
            "endpoint__url",
            "state",
        ),
        *("attempts", "last_status", "last_error", "next_attempt_at", "event__livemode", "created_at"),
    ]
    list_display = ["event", "endpoint", "shown_state", "attempts", "last_status", "next_attempt_at"]
    list_filter = ["state", ("event__livemode", ModeFilter), ("created_at", DayFilter), EventTypeFilter]
    search_fields = ["event__public_id__exact", "event__object_id__exact", "endpoint__public_id__exact"]
    list_select_related = ["event", "endpoint"]
    fields = [
        *("event", "endpoint", "shown_state", "attempts", "next_attempt_at", "lease_until", "give_up_at"),
        *("last_status", "last_error", "created_at"),
    ]
    readonly_fields = ["shown_state"]
    inlines = [AttemptsOfDelivery]
    actions = ["resend"]  # type: ignore[assignment]  # the console's other tables have none

    @display(description="state", ordering="state", label=STATE_COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, delivery: Delivery) -> str:
        return delivery.state

    @admin.action(description="Send again now", permissions=["resend"])
    def resend(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        ids = list(chosen.values_list("pk", flat=True))
        with transaction.atomic():
            due = resend(ids)
            said = f"Sent {due} deliveries again: {', '.join(map(str, sorted(ids)))}."
            note(request, "changed", said, chosen.first() if len(ids) == 1 else None)
        self.message_user(request, f"{due} will be sent again within a second or two.", messages.SUCCESS)
        if due < len(ids):
            self.message_user(
                request, f"{len(ids) - due} were left alone: their endpoint is not enabled.", messages.WARNING
            )

    def has_resend_permission(self, request: Any) -> bool:
        return bool(request.user.has_perm("webhooks.change_delivery"))
