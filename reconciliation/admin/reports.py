"""The reports in the console: which came, what they said, and a form to take one in."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import action

from core.console import ModeFilter, ReadOnlyAdmin
from core.showing import link, mode, moment, page_url
from reconciliation import kinds, queries
from reconciliation.admin.forms import UploadForm
from reconciliation.formats.lines import FileRefused
from reconciliation.models import Break, ReportFile
from reconciliation.services.importing import import_report
from reconciliation.terms import terms_of


@admin.register(ReportFile)
class ReportFileAdmin(ReadOnlyAdmin):
    page_template = "reconciliation/report.html"
    export_fields = [
        *("day", "source", "format", "name", "sha256", "line_count", "posted_lines", "state", "livemode"),
        *("imported_at", "imported_by"),
    ]
    list_display = [
        "report",
        "source",
        "shown_mode",
        "line_count",
        "state",
        "name",
        "imported",
        "imported_by",
    ]
    list_filter = [("livemode", ModeFilter), "source", "day"]
    ordering = ["-day", "-pk"]
    sortable_by = ["report"]
    actions_list = ["take_in"]

    @admin.display(description="report of", ordering="day")
    def report(self, file: ReportFile) -> SafeString:
        return link(page_url(file), file.day)

    @admin.display(description="mode")
    def shown_mode(self, file: ReportFile) -> SafeString:
        return mode(file.livemode)

    @admin.display(description="taken in")
    def imported(self, file: ReportFile) -> SafeString | str:
        return moment(file.imported_at)

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(self.upload)
        urls: list[URLPattern] = super().get_urls()
        return [path("upload/", view, name="reconciliation_reportfile_upload"), *urls]

    @action(description="Take a report in", url_path="take-in", permissions=["view"], icon="upload_file")  # type: ignore[untyped-decorator]
    def take_in(self, request: HttpRequest) -> HttpResponse:
        return self.upload(request)

    def upload(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("reconciliation.add_reportfile"):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            try:
                taken = import_report(
                    file.file,
                    terms=terms_of(form.cleaned_data["source"]),
                    name=file.name,
                    actor=request.user.get_username(),
                )
            except FileRefused as error:
                form.add_error("file", f"Refused, and nothing of it was taken. {error}")
            else:
                self.log_addition(request, taken.file, f"Took in {file.name}, {taken.file.line_count} lines.")
                said = "was taken in" if taken.new else "was here already; nothing has changed"
                messages.success(request, f"{file.name}, {taken.file.line_count:,} lines, {said}.")
                return self.back_to(taken.file)
        back = reverse("admin:reconciliation_reportfile_changelist")
        return self.render(
            request, "reconciliation/upload.html", title="Take a report in", form=form, back=back
        )

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        names = dict(kinds.RESULTS)
        found = Break.objects.filter(line__file_id=row.pk).exclude(state=Break.State.RESOLVED)
        return {
            "totals": [(names[total.result], total) for total in queries.totals([row.pk])],
            "open": found.count(),
            "workbench": reverse("admin:reconciliation_break_changelist"),
            "mode": mode(row.livemode),
        }
