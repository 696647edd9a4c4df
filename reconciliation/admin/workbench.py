"""The workbench: what differs, both sides beside each other, and what is done about many at once. It calls the same
services as everything else, and tells of each that was refused."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from core.console import ReadOnlyAdmin
from core.errors import TollgateError
from core.exporting import csv_answer, may_export
from core.showing import badge, mode
from core.spreadsheet import decimal_text
from payments.models import BalanceTransaction
from reconciliation import queries
from reconciliation.admin.forms import FilterForm, WorkForm
from reconciliation.kinds import ADVICE, RESOLUTIONS, RULES
from reconciliation.models import Break
from reconciliation.services import approved_break, breaks
from reconciliation.services.breaks import booking_of

# What people read at once; the file has them all.
MOST_SHOWN = 200
MOST_EXPORTED = 100_000
TONES = {"open": "open", "proposed": "info", "approved": "info", "resolved": "good"}
NEEDS = {"approve": "approve_break", "resolve": "approve_break"}
COLUMNS = (
    "break kind state source mode currency at_risk theirs ours reference since owner proposed_by approved_by"
)


@admin.register(Break)
class BreakAdmin(ReadOnlyAdmin):
    page_template = "reconciliation/break.html"

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
            ("work/", self.work, "reconciliation_break_work"),
            ("export/", self.export, "reconciliation_break_export"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [
            *(path(route, self.admin_site.admin_view(view), name=name) for route, view, name in views),
            *urls,
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = FilterForm(request.GET or None)
        found = _chosen(request, chosen)
        rows = list(found.select_related("line", "owner").order_by("since")[: MOST_SHOWN + 1])
        kinds = queries.open_breaks().values("kind").annotate(number=Count("pk")).order_by("-number")
        return self.render(
            request,
            "reconciliation/workbench.html",
            title="Workbench",
            filters=chosen,
            asked=request.GET.urlencode(),
            rows=_both_sides(rows[:MOST_SHOWN]),
            more=len(rows) > MOST_SHOWN,
            shown=MOST_SHOWN,
            stake=queries.at_stake(),
            kinds=[(dict(Break.kind.field.choices or [])[one["kind"]], one) for one in kinds],
            completeness=queries.recent_completeness(),
            not_final=queries.not_final(),
            form=WorkForm() if request.user.has_perm("reconciliation.work_break") else None,
        )

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        advice = ADVICE[row.kind]
        (shown,) = _both_sides([row])
        return {
            "shown": shown,
            "advice": advice,
            "advised": dict(RESOLUTIONS)[advice.resolution],
            "will_book": booking_of(row) if row.resolution else [],
            "rules": RULES,
            "history": row.history.order_by("pk"),
            "approval": approved_break.approval_of(row) if row.state == Break.State.PROPOSED else None,
            "form": WorkForm()
            if row.is_open and request.user.has_perm("reconciliation.work_break")
            else None,
        }

    def work(self, request: HttpRequest) -> HttpResponse:
        """One service call for each chosen break; those that are refused say why, and the others are done."""
        form = WorkForm(request.POST)
        chosen = [int(pk) for pk in request.POST.getlist("chosen") if pk.isdecimal()]
        back = _back(request, chosen)
        if not form.is_valid():
            for name, errors in form.errors.items():
                messages.error(request, f"{form.fields[name].label or name}: {' '.join(map(str, errors))}")
            return back
        action = form.cleaned_data["action"]
        needed = NEEDS.get(action, "work_break")
        if not request.user.has_perm(f"reconciliation.{needed}"):
            raise PermissionDenied
        done = 0
        for pk in sorted(chosen):
            try:
                with transaction.atomic():
                    _do(action, pk, request, form.cleaned_data)
                    said = f"{dict(WorkForm.ACTIONS)[action]}. {form.cleaned_data['reason']}".strip()
                    self.log_change(request, Break.objects.get(pk=pk), said)
                done += 1
            except TollgateError as error:
                messages.error(request, error.message)
        if done:
            messages.success(request, f"{dict(WorkForm.ACTIONS)[action]}: {done} done.")
        elif not chosen:
            messages.warning(request, "Nothing was chosen.")
        return back

    def export(self, request: HttpRequest) -> HttpResponseBase:
        if not (self.has_view_permission(request) and may_export(request)):
            raise PermissionDenied
        found = _chosen(request, FilterForm(request.GET or None)).select_related("line", "owner")
        rows = _both_sides(list(found.order_by("since")[:MOST_EXPORTED]))
        said = f"Exported breaks as CSV: {request.GET.urlencode() or 'the open ones'}."
        return csv_answer(request, "breaks", COLUMNS.split(), map(_exported, rows), said)


def _chosen(request: Any, form: FilterForm) -> QuerySet[Break]:
    wanted = form.cleaned_data if form.is_bound and form.is_valid() else {}
    found = Break.objects.filter(state=wanted["state"]) if wanted.get("state") else queries.open_breaks()
    for name in ("kind", "source"):
        if wanted.get(name):
            found = found.filter(**{name: wanted[name]})
    if wanted.get("mine"):
        found = found.filter(owner=request.user)
    if wanted.get("q"):
        found = found.filter(reference=wanted["q"].strip())
    return found


def _both_sides(rows: list[Break]) -> list[dict[str, Any]]:
    """Each with the processor's line and our booking, where there are any; one query for all."""
    keys = [row.booking_id for row in rows if row.booking_id]
    ours = BalanceTransaction.objects.select_related("merchant").in_bulk(keys)
    return [
        {
            "row": row,
            "kind": row.get_kind_display(),
            "state": badge(row.state.capitalize(), TONES[row.state]),
            "mode": mode(row.livemode),
            "theirs": row.line,
            "ours": ours.get(row.booking_id) if row.booking_id else None,
        }
        for row in rows
    ]


def _do(action: str, pk: int, request: Any, said: dict[str, Any]) -> None:
    actor = request.user.get_username()
    match action:
        case "take":
            breaks.assign(pk, owner=request.user, actor=actor)
        case "propose":
            resolution = said["resolution"] or ADVICE[Break.objects.get(pk=pk).kind].resolution
            approved_break.propose(pk, resolution=resolution, reason=said["reason"], maker=request.user)
        case "approve":
            approved_break.approve(pk, checker=request.user)
        case "resolve":
            breaks.resolve(pk, actor=actor)
        case _:
            breaks.note(pk, text=said["reason"], actor=actor)


def _back(request: HttpRequest, chosen: list[int]) -> HttpResponse:
    """To the break's own page, where it was worked on there, or to the list as it was filtered."""
    if request.POST.get("from") == "page" and len(chosen) == 1:
        return redirect("admin:reconciliation_break_change", chosen[0])
    return redirect(
        f"{reverse('admin:reconciliation_break_changelist')}?{request.POST.get('asked', '')[:500]}"
    )


def _exported(shown: dict[str, Any]) -> list[object]:
    row = shown["row"]
    theirs, ours = shown["theirs"], shown["ours"]
    return [
        row.public_id,
        shown["kind"],
        row.state,
        row.source,
        "live" if row.livemode else "test",
        row.currency.upper(),
        decimal_text(row.at_risk_minor, row.currency),
        decimal_text(theirs.gross_minor, theirs.currency) if theirs else "",
        decimal_text(ours.amount_minor, ours.currency) if ours else "",
        row.reference,
        row.since.isoformat(),
        row.owner.get_username() if row.owner else "",
        row.proposed_by,
        row.approved_by,
    ]
