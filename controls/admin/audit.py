"""Who did, saw and changed what, and from where."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from controls.models import AuditEntry
from core.console import DayFilter, ReadOnlyAdmin
from core.showing import badge, moment, words

TONES = {AuditEntry.Kind.REFUSED: "bad", AuditEntry.Kind.REMOVED: "open", AuditEntry.Kind.SAW: "info"}


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    """A search is for a person's name, an address, an object's name or a request's id, each whole: by index."""

    export_fields = [
        *(
            "id",
            "at",
            "username",
            "kind",
            "model",
            "object_id",
            "object_name",
            "summary",
            "address",
            "request_id",
        ),
    ]
    list_display = ["when", "username", "what", "object_name", "summary", "address"]
    list_display_links = None
    list_filter = ["kind", ("at", DayFilter)]
    search_fields = ["username__exact"]
    search_help_text = "A person's name, or an object's as it is called in the list"
    sortable_by = ["when"]
    fields = [
        "when",
        "username",
        "what",
        "model",
        "object_id",
        "object_name",
        "summary",
        "address",
        "request_id",
    ]
    readonly_fields = ["when", "what"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        named = queryset.filter(username=term)
        return named | queryset.filter(object_name=term), False

    @admin.display(description="when", ordering="pk")
    def when(self, entry: AuditEntry) -> SafeString | str:
        return moment(entry.at)

    @admin.display(description="did")
    def what(self, entry: AuditEntry) -> SafeString:
        return badge(words(entry.kind), TONES.get(AuditEntry.Kind(entry.kind), "quiet"))
