"""The reports in the console: which came, what they said, a form to hand one in, and what became of that."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import action

from core.console import ModeFilter, ReadOnlyAdmin
from core.showing import badge, link, mode, moment, page_url
from reconciliation import kinds, queries
from reconciliation.admin.forms import UploadForm
from reconciliation.models import Break, ReportFile, Upload
from reconciliation.services.uploads import hand_in, report_of
from reconciliation.terms import terms_of

TONES = {"waiting": "info", "taken": "good", "refused": "bad"}


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
            kept = hand_in(
                file.read(),
                terms=terms_of(form.cleaned_data["source"]),
                name=file.name,
                actor=request.user.get_username(),
            )
            if isinstance(kept, ReportFile):
                messages.success(request, f"{file.name} was here already; nothing has changed.")
            else:
                self.log_addition(request, kept, f"Handed in {file.name}, {file.size:,} bytes.")
            return self.back_to(kept)
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
            "under_way": row.state == ReportFile.State.MATCHED,
        }


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    page_template = "reconciliation/upload_under_way.html"
    export_fields = "name source livemode state refusal size sha256 uploaded_at uploaded_by".split()
    list_display = ["shown_name", "source", "shown_mode", "shown_state", "refusal", "uploaded", "uploaded_by"]
    list_filter = ["state", "source", ("livemode", ModeFilter)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upload]:
        """Without the files themselves."""
        rows: QuerySet[Upload] = super().get_queryset(request)
        return rows.defer("content")

    @admin.display(description="file", ordering="name")
    def shown_name(self, upload: Upload) -> SafeString:
        return link(page_url(upload), upload.name)

    @admin.display(description="mode")
    def shown_mode(self, upload: Upload) -> SafeString:
        return mode(upload.livemode)

    @admin.display(description="state", ordering="state")
    def shown_state(self, upload: Upload) -> SafeString:
        return badge(upload.get_state_display(), TONES[upload.state])

    @admin.display(description="handed in", ordering="uploaded_at")
    def uploaded(self, upload: Upload) -> SafeString | str:
        return moment(upload.uploaded_at)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As soon as there is a report, that is what there is to see."""
        upload = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        if upload is not None and (report := report_of(upload)):
            return self.back_to(report)
        return super().change_view(request, object_id, form_url, extra_context)

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "state": badge(row.get_state_display(), TONES[row.state]),
            "mode": mode(row.livemode),
            "under_way": row.state == Upload.State.WAITING,
            "again": reverse("admin:reconciliation_reportfile_upload"),
        }
