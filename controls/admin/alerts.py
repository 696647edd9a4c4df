"""Alerts in the console: the open ones first. The one thing to do is to resolve one, with a reason."""

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from controls.models import Alert
from controls.services import resolve_alert
from core.console import DayFilter, ModeFilter, ReadOnlyAdmin
from core.showing import badge, link, mode, moment, money, page_url, words


class ResolveForm(forms.Form):
    reason = forms.CharField(
        label="What was found, and what was done",
        max_length=1_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "autofocus": True}),
    )


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    page_template = "controls/alert.html"
    export_fields = [
        *(
            "kind",
            "subject",
            "state",
            "message",
            "amount_minor",
            "currency",
            "livemode",
            "merchant__public_id",
        ),
        *("first_seen_at", "last_seen_at", "times", "resolved_at", "resolved_by", "resolved_reason"),
    ]
    list_display = ["what", "shown_state", "message", "amount", "shown_mode", "merchant", "seen", "times"]
    list_display_links = None
    ordering = ["state", "-last_seen_at"]
    sortable_by = ["seen"]
    list_filter = ["state", ("livemode", ModeFilter), ("last_seen_at", DayFilter), "kind"]
    list_select_related = ["merchant"]
    search_fields = ["subject__exact"]
    search_help_text = "The whole name of what it is about"

    @admin.display(description="alert")
    def what(self, alert: Alert) -> SafeString:
        return link(page_url(alert), f"{words(alert.kind)}: {alert.subject}")

    @admin.display(description="state")
    def shown_state(self, alert: Alert) -> SafeString:
        return state(alert)

    @admin.display(description="amount")
    def amount(self, alert: Alert) -> str:
        return "" if alert.amount_minor is None else money(alert.amount_minor, alert.currency)

    @admin.display(description="mode")
    def shown_mode(self, alert: Alert) -> SafeString | str:
        return "" if alert.livemode is None else mode(alert.livemode)

    @admin.display(description="last seen", ordering="last_seen_at")
    def seen(self, alert: Alert) -> SafeString | str:
        return moment(alert.last_seen_at)

    def get_urls(self) -> list[URLPattern]:
        resolve: Callable[..., HttpResponse] = self.admin_site.admin_view(self.resolve)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/resolve/", resolve, name="controls_alert_resolve"), *urls]

    def page(self, request: HttpRequest, alert: Any) -> dict[str, Any]:
        return {
            "title": words(alert.kind),
            "state": state(alert),
            "data": json.dumps(alert.data, indent=2, ensure_ascii=False) if alert.data else "",
            "resolve": self._resolve_url(alert) if self._may_resolve(request, alert) else "",
        }

    def resolve(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks why, once."""
        alert = get_object_or_404(Alert, pk=pk)
        if not (request.user.has_perm("controls.change_alert") and self.has_view_permission(request)):
            raise PermissionDenied
        form = ResolveForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self.render(
                request,
                "console/form.html",
                row=alert,
                title=f"Resolve: {words(alert.kind)} {alert.subject}",
                form=form,
                note=alert.message,
                button="Resolve",
                back=page_url(alert),
            )
        with transaction.atomic():
            done = resolve_alert(
                kind=alert.kind,
                subject=alert.subject,
                actor=request.user.get_username(),
                reason=form.cleaned_data["reason"],
                alert_id=alert.pk,
            )
            if done:
                self.log_change(request, alert, f"Resolved: {form.cleaned_data['reason']}")
        if done:
            messages.success(request, f"{words(alert.kind)}: {alert.subject} is resolved.")
        else:
            messages.warning(request, "Somebody resolved it before.")
        return self.back_to(alert)

    def _may_resolve(self, request: HttpRequest, alert: Alert) -> bool:
        return alert.state == Alert.State.OPEN and bool(request.user.has_perm("controls.change_alert"))

    def _resolve_url(self, alert: Alert) -> str:
        return reverse("admin:controls_alert_resolve", args=[alert.pk])


def state(alert: Alert) -> SafeString:
    return badge("Open", "bad") if alert.state == Alert.State.OPEN else badge("Resolved", "quiet")
