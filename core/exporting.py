"""Any list of the console as a CSV file: the rows that its filters and its search leave, in the list's order."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from core.audit import note
from core.spreadsheet import csv_pieces, decimal_text

# A file leaves the house, so it takes a right of its own besides that to look.
RIGHT = "controls.export_lists"
ROWS_AT_ONCE = 2_000
MINOR = "_minor"


def may_export(request: Any) -> bool:
    return bool(request.user.has_perm(RIGHT))


def csv_answer(
    request: HttpRequest, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]], said: str
) -> StreamingHttpResponse:
    """Written down before the first row leaves."""
    with transaction.atomic():
        note(request, "saw", said)
    answer = StreamingHttpResponse(csv_pieces(columns, rows), content_type="text/csv; charset=utf-8")
    stamp = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{stamp}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


class Exportable:
    """Comes before the admin class that it adds to. `export_fields` are the fields of a row that may leave, paths to
    its relatives' included. An `…_minor` of a row with a `currency` becomes two columns: in
    that currency, and as it is stored."""

    export_fields: Sequence[str] = ()
    change_list_template = "console/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        page: Any = self
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        if not self.export_fields:
            return urls
        view = page.admin_site.admin_view(self.export_list)
        return [path("export/", view, name=f"{page.opts.app_label}_{page.opts.model_name}_export"), *urls]

    def changelist_view(self, request: Any, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page: Any = self
        url = ""
        if self.export_fields and may_export(request):
            url = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_export")
            url += f"?{request.GET.urlencode()}"
        context = {**(extra_context or {}), "export_url": url}
        shown: HttpResponse = super().changelist_view(request, context)  # type: ignore[misc]
        return shown

    def export_list(self, request: Any) -> HttpResponseBase:
        """One snapshot, read by a cursor that stays in PostgreSQL: no transaction is open while the file is taken."""
        page: Any = self
        if not (page.has_view_permission(request) and may_export(request)):
            raise PermissionDenied
        back = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
        try:
            found = page.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(f"{back}?e=1")
        rows = found.values(*self.export_fields).iterator(chunk_size=ROWS_AT_ONCE)
        return csv_answer(
            request,
            str(page.opts.verbose_name_plural).replace(" ", "-"),
            [column for field in self.export_fields for column in _columns(field, self.export_fields)],
            _cells(self.export_fields, rows),
            f"Exported {page.opts.verbose_name_plural} as CSV: {request.GET.urlencode() or 'all of them'}.",
        )


def _columns(field: str, fields: Sequence[str]) -> list[str]:
    if field.endswith(MINOR) and "currency" in fields:
        return [field.removesuffix(MINOR), field]
    return ["mode" if field == "livemode" else field.replace("__public_id", "").replace("__", "_")]


def _cells(fields: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[list[object]]:
    for row in rows:
        cells: list[object] = []
        for field in fields:
            value = row[field]
            if field.endswith(MINOR) and "currency" in row:
                cells += [decimal_text(value, row["currency"]), value]
            elif field == "livemode":
                cells.append("" if value is None else "live" if value else "test")
            else:
                cells.append(value)
        yield cells
