"""The inbox in the console: what processors notified us of, as it came, and what became of it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from core.audit import note
from core.console import DayFilter, ReadOnlyAdmin, SelectFilter
from core.showing import badge, moment
from webhooks.models import Notification
from webhooks.services.inbox import apply_again

APPLIED, WAITING, GIVEN_UP = "applied", "waiting", "given_up"
WHERE: dict[str, dict[str, bool]] = {
    APPLIED: {"applied_at__isnull": False},
    WAITING: {"next_attempt_at__isnull": False},
    GIVEN_UP: {"applied_at__isnull": True, "next_attempt_at__isnull": True},
}
NAMES = {APPLIED: ("Applied", "good"), WAITING: ("Waits", "open"), GIVEN_UP: ("Given up", "bad")}


class StateFilter(SelectFilter):
    title = "what became of it"
    parameter_name = "became"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, words) for state, (words, _) in NAMES.items()]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(**WHERE.get(self.value() or "", {}))


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    export_fields = [
        *("processor", "notification_id", "kind", "reference", "dispute_id", "problem", "attempts"),
        *("received_at", "applied_at"),
    ]
    list_display = [
        "notification_id",
        "processor",
        "kind",
        "reference",
        "became",
        "problem",
        "attempts",
        "came",
    ]
    list_filter = ["processor", StateFilter, ("received_at", DayFilter)]
    search_fields = ["notification_id__exact", "reference__exact", "dispute_id__exact"]
    search_help_text = "The processor's id of it, or our reference"
    fields = [
        *("processor", "notification_id", "kind", "reference", "dispute_id", "became", "problem", "attempts"),
        *("next_attempt_at", "applied_at", "received_at", "as_it_came"),
    ]
    readonly_fields = ["became", "as_it_came"]
    actions = ["apply_again"]  # type: ignore[assignment]  # the console's other tables have none

    @admin.display(description="became")
    def became(self, row: Notification) -> SafeString:
        # Asked for once more, it waits, whatever became of it before.
        if row.next_attempt_at is not None:
            return badge(*NAMES[WAITING])
        return badge(*NAMES[APPLIED if row.applied_at else GIVEN_UP])

    @admin.display(description="received", ordering="pk")
    def came(self, row: Notification) -> SafeString | str:
        return moment(row.received_at)

    @admin.display(description="body")
    def as_it_came(self, row: Notification) -> str:
        text = bytes(row.body).decode("utf-8", "replace")
        return f"{text}\n\n(what must not be kept is masked)" if row.redacted else text

    @admin.action(description="Apply again now", permissions=["apply"])
    def apply_again(self, request: HttpRequest, chosen: QuerySet[Notification]) -> None:
        rows = list(chosen)
        for row in rows:
            note(request, "changed", "Has it applied again.", row)
        due = apply_again(row.pk for row in rows)
        self.message_user(request, f"{due} will be applied again within a second or two.", messages.SUCCESS)

    def has_apply_permission(self, request: Any) -> bool:
        return bool(request.user.has_perm("webhooks.change_notification"))
