"""The processors in the console: which mode they serve, how they are doing and why, and a breaker closed by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.widgets import INPUT_CLASSES

from core.console import ReadOnlyAdmin
from core.showing import badge, mode
from payments import routing
from payments.models import ProcessorHealth
from payments.services.breaker import close_breaker

STATES = {
    ProcessorHealth.State.CLOSED: ("Working", "good"),
    ProcessorHealth.State.OPEN: ("Left alone", "bad"),
    ProcessorHealth.State.HALF_OPEN: ("Being tried again", "open"),
}
MAX_CURRENCIES_NAMED = 6
LIST = "admin:payments_processorhealth_changelist"


class CloseForm(forms.Form):
    reason = forms.CharField(
        label="Why may payments go to it again?",
        max_length=200,
        widget=forms.TextInput(attrs={"class": " ".join(INPUT_CLASSES), "autofocus": True}),
    )


@dataclass(frozen=True)
class Shown:
    """One line of the list: what the settings say of a processor, and its breaker, if it ever opened."""

    name: str
    modes: SafeString | str
    can: str
    state: SafeString
    since: datetime | None
    until: datetime | None
    reason: str
    broken: bool


@admin.register(ProcessorHealth)
class ProcessorHealthAdmin(ReadOnlyAdmin):
    ordering = ["processor"]

    def get_urls(self) -> list[URLPattern]:
        close = self.admin_site.admin_view(self.close)
        urls: list[URLPattern] = super().get_urls()
        return [path("<str:name>/close/", close, name="payments_processorhealth_close"), *urls]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Every processor that is set up, and those that once were and still have a breaker."""
        self._require(request)
        rows = {row.processor: row for row in ProcessorHealth.objects.order_by("processor")}
        names = [*settings.PROCESSORS, *(name for name in rows if name not in settings.PROCESSORS)]
        return self.render(
            request,
            "payments/processors.html",
            title="Processors",
            processors=[_shown(name, rows.get(name)) for name in names],
            may_close=request.user.has_perm("payments.change_processorhealth"),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        self._require(request)
        return redirect(LIST)

    def close(self, request: Any, name: str) -> HttpResponse:
        """Payments go to the processor again at once; whoever decides that says why."""
        self._require(request, "payments.change_processorhealth")
        row = ProcessorHealth.objects.filter(processor=name).first()
        if row is None:
            raise Http404
        form = CloseForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            person = request.user.get_username()
            with transaction.atomic():
                closed = close_breaker(name, by=person, reason=form.cleaned_data["reason"])
                if closed:
                    self.log_change(request, row, f"Closed by hand: {form.cleaned_data['reason']}")
            if closed:
                messages.success(request, f"{name} gets payments again within a second.")
            else:
                messages.info(request, f"{name} gets payments already.")
            return redirect(LIST)
        return self.render(
            request,
            "payments/routing_form.html",
            row=row,
            title=f"Send payments to {name} again",
            note=f"{name} is left alone because of this: {row.last_reason}. If calls fail again, it is left "
            "alone again.",
            form=form,
            button="Close the breaker",
            danger=False,
            back=reverse(LIST),
        )

    def _require(self, request: HttpRequest, permission: str = "") -> None:
        if not self.has_view_permission(request) or (permission and not request.user.has_perm(permission)):
            raise PermissionDenied


def _shown(name: str, row: ProcessorHealth | None) -> Shown:
    config: dict[str, Any] | None = settings.PROCESSORS.get(name)
    state, tone = STATES[ProcessorHealth.State(row.state if row else ProcessorHealth.State.CLOSED)]
    return Shown(
        name=name,
        modes=mode(config["livemode"]) if config else badge("Not set up", "quiet"),
        can=_abilities(name) if config else "–",
        state=badge(state, tone),
        since=row.since if row else None,
        until=row.open_until if row else None,
        reason=row.last_reason if row else "",
        broken=row is not None and row.state != ProcessorHealth.State.CLOSED,
    )


def _abilities(name: str) -> str:
    can = routing.processor(name).capabilities
    if can.currencies is None:
        currencies = "every currency"
    elif len(can.currencies) > MAX_CURRENCIES_NAMED:
        currencies = f"{len(can.currencies)} currencies"
    else:
        currencies = ", ".join(sorted(can.currencies)).upper()
    without = [
        words
        for words, able in (
            ("partial captures", can.partial_capture),
            ("3-D Secure", can.three_d_secure),
        )
        if not able
    ]
    return currencies + (f", without {' or '.join(without)}" if without else "")
