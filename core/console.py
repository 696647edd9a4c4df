"""What every page of the console shares: lists that can not be edited and are never counted, and one way to
show money, moments, modes and states. No page of its own."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from core.audit import note
from core.exporting import Exportable
from core.showing import age, badge, link, mode, moment, money, page_url, words

__all__ = [
    "Audited",
    "DayFilter",
    "ModeFilter",
    "ReadOnlyAdmin",
    "SelectFilter",
    "age",
    "badge",
    "link",
    "mode",
    "moment",
    "money",
    "page_url",
    "words",
]


class Audited:
    """Writes down what Django's pages and our own log, where the change is: in one transaction with it if there is
    one. Comes before the admin class that it adds to."""

    def audit_words(self, row: Any) -> str:
        """What the row says now, where the names of the changed fields are not enough."""
        return ""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._note(request, "added", obj, message)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._note(request, "changed", obj, message)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            self._note(request, "removed", row, f"Removed {row}.")
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def _note(self, request: HttpRequest, kind: str, row: Model, message: Any) -> None:
        # Django's own message is a list of what its form changed.
        said = message if isinstance(message, str) else LogEntry(change_message=json.dumps(message))
        text = said if isinstance(said, str) else said.get_change_message()
        note(request, kind, " ".join(filter(None, [text, self.audit_words(row)])), row)


class ReadOnlyAdmin(Exportable, Audited, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A table that services alone write. With `page_template`, its rows have a page made by `page`."""

    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ["-pk"]
    actions = None
    # Counts beside the filters would be counted over the whole table.
    show_facets = admin.ShowFacets.NEVER
    page_template = ""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the row's page shows besides the row."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.page_template:
            response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
            return response
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return self.render(request, self.page_template, row=row, **self.page(request, row))

    def render(
        self, request: HttpRequest, template: str, *, row: Any = None, title: str = "", **context: Any
    ) -> TemplateResponse:
        """A page of this model in the console's frame."""
        title = title or f"{self.opts.verbose_name} {row}"
        frame = self.admin_site.each_context(request)
        return TemplateResponse(
            request, template, {**frame, "model_admin": self, "title": title, "row": row, **context}
        )

    def back_to(self, row: Model) -> HttpResponse:
        return redirect(page_url(row))


class ModeFilter(admin.BooleanFieldListFilter):
    """All, test or live."""

    horizontal = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "mode"

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        names = iter(["All", "Live", "Test"])
        for choice in super().choices(changelist):
            yield {**choice, "display": next(names, choice["display"])}


class SelectFilter(admin.SimpleListFilter):
    """A list of choices that may be long, as one drop-down."""

    template = "console/filter_select.html"


class DayFilter(admin.FieldListFilter):
    """The days, as whoever looks counts them, from one to another, both included; and the ones that people ask for
    most."""

    template = "console/filter_days.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = f"day ({timezone.localtime().tzname()})"

    def expected_parameters(self) -> list[str | None]:
        return ["from", "to"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        self.first, self.last = self._day("from"), self._day("to")
        if self.first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": begins(self.first)})
        if self.last:
            after = begins(self.last + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_path}__lt": after})
        return queryset

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        self.kept = [
            (name, value)
            for name, values in changelist.filter_params.items()
            for value in values
            if name not in ("from", "to")
        ]
        today = timezone.localdate()
        spans = {
            "Any day": (None, None),
            "Today": (today, today),
            "Yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
            "Last 7 days": (today - timedelta(days=6), today),
            "This month": (today.replace(day=1), today),
        }
        for name, (first, last) in spans.items():
            asked = {"from": first.isoformat(), "to": last.isoformat()} if first and last else {}
            yield {
                "display": name,
                "selected": (first, last) == (self._day("from"), self._day("to")),
                "query_string": changelist.get_query_string(asked, [] if asked else ["from", "to"]),
            }

    def _day(self, name: str) -> date | None:
        given = self.used_parameters.get(name)
        text = given[-1] if isinstance(given, list) else given
        try:
            day = date.fromisoformat(str(text)) if text else None
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error
        # The day after the last one must exist too.
        if day == date.max:
            raise IncorrectLookupParameters(text)
        return day


def begins(day: date) -> datetime:
    """When a day begins for whoever looks."""
    return datetime.combine(day, time.min, timezone.get_current_timezone())


def midnight(day: date) -> datetime:
    """When a day begins, in UTC."""
    return datetime.combine(day, time.min, UTC)
