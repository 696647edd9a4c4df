"""The queue of what waits for a second person, and the page where that person decides."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from controls.actions import action_named
from controls.approvals import carry_out, decide
from controls.errors import ApprovalRefused
from controls.models import Approval
from core.console import DayFilter, ModeFilter, ReadOnlyAdmin
from core.identity import is_fresh, prove_first
from core.showing import badge, link, mode, moment, money, page_url, words

State = Approval.State
TONES = {State.OPEN: "open", State.APPROVED: "info", State.DONE: "good", State.FAILED: "bad"}


class ApproveForm(forms.Form):
    note = forms.CharField(
        label="Note", required=False, max_length=1_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class RefuseForm(forms.Form):
    note = forms.CharField(
        label="Why not",
        max_length=1_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
    )


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    page_template = "controls/approval.html"
    export_fields = [
        *("public_id", "action", "subject", "summary", "state", "amount_minor", "currency", "livemode"),
        *(
            "maker__username",
            "reason",
            "created_at",
            "expires_at",
            "checker__username",
            "decided_at",
            "decision",
        ),
        *("carried_out_at", "result"),
    ]
    list_display = [
        "what",
        "shown_state",
        "amount",
        "asked_by",
        "decided_by",
        "shown_mode",
        "created",
        "ends",
    ]
    list_display_links = None
    list_select_related = ["maker", "checker"]
    list_filter = ["state", ("livemode", ModeFilter), ("created_at", DayFilter), "action"]
    search_fields = ["public_id__exact", "subject__exact"]
    search_help_text = "The whole id of an approval, or of what it is about"
    sortable_by = ["created"]

    @admin.display(description="approval")
    def what(self, approval: Approval) -> SafeString:
        return link(page_url(approval), f"{words(approval.action)}: {approval.subject}")

    @admin.display(description="state")
    def shown_state(self, approval: Approval) -> SafeString:
        return state(approval)

    @admin.display(description="amount")
    def amount(self, approval: Approval) -> str:
        return money(approval.amount_minor, approval.currency)

    @admin.display(description="asked for by")
    def asked_by(self, approval: Approval) -> str:
        return approval.maker.get_username()

    @admin.display(description="decided by")
    def decided_by(self, approval: Approval) -> str:
        return approval.checker.get_username() if approval.checker else "–"

    @admin.display(description="mode")
    def shown_mode(self, approval: Approval) -> SafeString | str:
        return "" if approval.livemode is None else mode(approval.livemode)

    @admin.display(description="asked", ordering="pk")
    def created(self, approval: Approval) -> SafeString | str:
        return moment(approval.created_at)

    @admin.display(description="ends")
    def ends(self, approval: Approval) -> SafeString | str:
        return moment(approval.expires_at) if approval.state == State.OPEN else ""

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("approve", self.approve),
            ("refuse", self.refuse),
        ]
        urls: list[URLPattern] = super().get_urls()
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"controls_approval_{name}")
            for name, view in views
        ]
        return [*own, *urls]

    def page(self, request: Any, approval: Any) -> dict[str, Any]:
        return {
            "title": f"{words(approval.action)} of {approval.subject}",
            "state": state(approval),
            "subject": _subject(approval),
            "is_own": approval.maker_id == request.user.pk,
            "may_decide": is_open(approval) and self._may(request) and approval.maker_id != request.user.pk,
        }

    def approve(self, request: Any, pk: int) -> HttpResponse:
        """Carries it out at once."""
        return self._decide(request, pk, ApproveForm, State.APPROVED, "Approve")

    def refuse(self, request: Any, pk: int) -> HttpResponse:
        return self._decide(request, pk, RefuseForm, State.REFUSED, "Refuse")

    def _may(self, request: Any) -> bool:
        return bool(request.user.has_perm("controls.change_approval")) and self.has_view_permission(request)

    def _decide(
        self,
        request: Any,
        pk: int,
        form_class: type[forms.Form],
        way: Approval.State,
        button: str,
    ) -> HttpResponse:
        if not self._may(request):
            raise PermissionDenied
        if not is_fresh(request):
            return prove_first(request)
        approval = get_object_or_404(Approval.objects.select_related("maker"), pk=pk)
        form = form_class(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    decided = decide(pk, way, checker=request.user, note=form.cleaned_data["note"])
                    self.log_change(request, decided, f"{words(way)}: {approval.summary}")
            except ApprovalRefused as refusal:
                messages.warning(request, refusal.message)
            else:
                _tell(request, carry_out(pk))
            return self.back_to(approval)
        return self.render(
            request,
            "console/form.html",
            row=approval,
            title=f"{button}: {approval.summary}",
            note=f"{approval.maker.get_username()} asks for it: {approval.reason}",
            form=form,
            button=button,
            danger=way == State.REFUSED,
            back=page_url(approval),
        )


def is_open(approval: Approval) -> bool:
    return approval.state == State.OPEN and approval.expires_at > timezone.now()


def state(approval: Approval) -> SafeString:
    if approval.state == State.OPEN and not is_open(approval):
        return badge("Expired", "quiet")
    return badge(words(approval.state), TONES.get(State(approval.state), "quiet"))


def _subject(approval: Approval) -> SafeString | str:
    try:
        page = action_named(approval.action).page
    except LookupError:
        page = ""
    if not page:
        return approval.subject
    return link(f"{reverse(page)}?{urlencode({'q': approval.subject})}", approval.subject)


def _tell(request: HttpRequest, approval: Approval) -> None:
    match approval.state:
        case State.DONE:
            messages.success(request, f"Approved and done. {approval.result}")
        case State.FAILED:
            messages.error(request, f"Approved, but it could not be done: {approval.result}")
        case State.REFUSED:
            messages.success(request, "Refused. Nothing was done.")
        case _:
            messages.info(
                request, "Approved. It can't be done right now, and is tried again every half minute."
            )
