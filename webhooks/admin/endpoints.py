"""Endpoints in the console: how they are, and what staff can do for a merchant: try one, send again what it missed,
replace its secret, switch it off and on."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from core.console import ModeFilter, ReadOnlyAdmin
from core.errors import InvalidRequest
from core.once import first_time, open_form
from core.redaction import mask_key
from core.showing import badge, link, moment, page_url
from webhooks.models import Delivery, Replay, WebhookEndpoint
from webhooks.queries import endpoint_health
from webhooks.services.endpoints import roll_secret, update_endpoint
from webhooks.services.resend import ask_for_replay
from webhooks.services.trial import send_test_event

LATEST_DELIVERIES = 20
LATEST_REPLAYS = 5
HOUR = 3_600
OVERLAPS = [
    *(("0", "Stop at once"), (str(HOUR), "1 hour"), (str(24 * HOUR), "24 hours")),
    *((str(72 * HOUR), "3 days"), (str(168 * HOUR), "7 days")),
]
TONES = {
    WebhookEndpoint.State.ENABLED: "good",
    WebhookEndpoint.State.DISABLED: "open",
    WebhookEndpoint.State.DELETED: "quiet",
}
DELIVERY_TONES = {
    Delivery.State.PENDING: "open",
    Delivery.State.SUCCEEDED: "good",
    Delivery.State.GIVEN_UP: "bad",
}

REPLAY_TONES = {
    Replay.State.RUNNING: "open",
    Replay.State.DONE: "good",
    Replay.State.STOPPED: "bad",
}


class RollForm(forms.Form):
    overlap = forms.ChoiceField(
        label="The old secret signs beside the new one for",
        choices=OVERLAPS,
        initial=str(24 * HOUR),
        widget=forms.Select(attrs={"class": "tg-select"}),
    )


class ReplayForm(forms.Form):
    since = forms.DateTimeField(
        label="Events since (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "tg-select"}),
    )
    until = forms.DateTimeField(
        label="and before (UTC)",
        help_text="Empty for all since then.",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "tg-select"}),
    )
    which = forms.ChoiceField(
        label="Which of them",
        choices=[("missed", "What did not arrive"), ("all", "All, also what did arrive")],
        widget=forms.Select(attrs={"class": "tg-select"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and until <= since:
            raise forms.ValidationError({"until": "The end must come after the beginning."})
        return given


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    page_template = "webhooks/endpoint.html"
    export_fields = [
        *("public_id", "url", "state", "ordered", "disabled_reason", "failing_since", "livemode"),
        *("merchant__public_id", "merchant__name", "created_at"),
    ]
    list_display = ["where", "shown_state", "merchant", "livemode", "created"]
    list_display_links = None
    list_filter = ["state", ("livemode", ModeFilter)]
    search_fields = ["public_id__exact", "url"]
    search_help_text = "The whole id, or a part of the address"
    list_select_related = ["merchant"]

    @admin.display(description="endpoint", ordering="url")
    def where(self, endpoint: WebhookEndpoint) -> SafeString:
        return link(page_url(endpoint), endpoint.url)

    @admin.display(description="state", ordering="state")
    def shown_state(self, endpoint: WebhookEndpoint) -> SafeString:
        return state(endpoint)

    @admin.display(description="created", ordering="pk")
    def created(self, endpoint: WebhookEndpoint) -> SafeString | str:
        return moment(endpoint.created_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        rows: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return rows.select_related("merchant")

    def page(self, request: HttpRequest, endpoint: Any) -> dict[str, Any]:
        latest = endpoint.deliveries.select_related("event").order_by("-pk")[:LATEST_DELIVERIES]
        return {
            "title": "Webhook endpoint",
            "state": state(endpoint),
            "masked_secret": mask_key(endpoint.secret),
            "health": endpoint_health(endpoint),
            "latest": [(one, badge(one.get_state_display(), DELIVERY_TONES[one.state])) for one in latest],
            "replays": [
                (one, badge(one.get_state_display(), REPLAY_TONES[Replay.State(one.state)]))
                for one in endpoint.replays.order_by("-pk")[:LATEST_REPLAYS]
            ],
            "may_change": endpoint.state != WebhookEndpoint.State.DELETED
            and request.user.has_perm("webhooks.change_webhookendpoint"),
        }

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("test", self.test),
            ("replay", self.replay),
            ("roll", self.roll),
            ("switch", self.switch),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [
            *(
                path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"webhooks_endpoint_{name}")
                for name, view in views
            ),
            *urls,
        ]

    def test(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Sends it an event that tells of nothing."""
        endpoint = self._endpoint(request, pk)
        note = f"webhook_endpoint.test is sent to {endpoint.url}, whatever types it asks for."
        if request.method != "POST":
            return self._form(
                request, forms.Form(), endpoint, "Send a test event", button="Send it", note=note
            )
        if first_time(request):

            def send() -> None:
                with transaction.atomic():
                    send_test_event(endpoint.pk)
                    self.log_change(request, endpoint, "Sent a test event.")

            self._do(request, send, "It will be sent within a second or two.")
        return self.back_to(endpoint)

    def replay(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Sends it the events of a time once more."""
        endpoint = self._endpoint(request, pk)
        form = ReplayForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self._form(request, form, endpoint, "Send again", button="Send them")
        since, until = form.cleaned_data["since"], form.cleaned_data["until"]

        def send() -> str:
            with transaction.atomic():
                ask_for_replay(
                    endpoint,
                    since=since.replace(tzinfo=UTC),
                    until=until and until.replace(tzinfo=UTC),
                    only_missed=form.cleaned_data["which"] == "missed",
                    asked_by=request.user.get_username(),
                )
                self.log_change(request, endpoint, f"Sends events again, since {since:%Y-%m-%d %H:%M} UTC.")
            return "It begins within a second or two. How far it is stands on this page."

        self._do(request, send)
        return self.back_to(endpoint)

    def roll(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new secret, shown in the answer to the form and never again."""
        endpoint = self._endpoint(request, pk)
        form = RollForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            note = "A new secret is made. Give it to the merchant before the old one stops signing."
            return self._form(
                request, form, endpoint, "Replace the secret", button="Make the new secret", note=note
            )
        if not first_time(request):
            messages.info(request, "That form was used already. A secret is shown once, when it is made.")
            return self.back_to(endpoint)
        seconds = int(form.cleaned_data["overlap"])
        with transaction.atomic():
            rolled = roll_secret(**_names(endpoint), overlap_seconds=seconds)
            said = f"Replaced the secret; the old one signs for {seconds // HOUR} h more."
            self.log_change(request, endpoint, said)
        response = self.render(
            request, "webhooks/secret.html", row=rolled, title="New secret", secret=rolled.secret
        )
        response["Cache-Control"] = "no-store"
        return response

    def switch(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Off, or on again."""
        endpoint = self._endpoint(request, pk)
        enabled = endpoint.state == WebhookEndpoint.State.ENABLED
        if request.method != "POST":
            title, note = (
                "Disable",
                "Nothing more is sent to it, not even what waits; it can be sent later.",
            )
            if not enabled:
                title, note = (
                    "Enable",
                    "Events from now on are sent to it. What it missed is sent by “Send again”.",
                )
            return self._form(request, forms.Form(), endpoint, title, button=title, note=note, danger=enabled)
        if first_time(request):
            with transaction.atomic():
                update_endpoint(**_names(endpoint), disabled=enabled)
                self.log_change(request, endpoint, "Disabled." if enabled else "Enabled.")
        return self.back_to(endpoint)

    def _endpoint(self, request: HttpRequest, pk: int) -> WebhookEndpoint:
        if not (
            request.user.has_perm("webhooks.change_webhookendpoint") and self.has_view_permission(request)
        ):
            raise PermissionDenied
        usable = WebhookEndpoint.objects.exclude(state=WebhookEndpoint.State.DELETED)
        return get_object_or_404(usable.select_related("merchant"), pk=pk)

    def _do(self, request: HttpRequest, deed: Callable[[], Any], done: str = "") -> None:
        try:
            said = deed()
        except InvalidRequest as error:
            messages.warning(request, str(error))
        else:
            messages.success(request, done or said)

    def _form(
        self,
        request: HttpRequest,
        form: forms.Form,
        endpoint: WebhookEndpoint,
        title: str,
        **context: Any,
    ) -> HttpResponse:
        return self.render(
            request,
            "console/form.html",
            row=endpoint,
            title=f"{title}: {endpoint.url}",
            form=form,
            back=page_url(endpoint),
            nonce=open_form(request),
            **context,
        )


def state(endpoint: WebhookEndpoint) -> SafeString:
    failing = endpoint.state == WebhookEndpoint.State.ENABLED and endpoint.failing_since is not None
    if failing:
        return badge("Enabled, failing", "bad")
    return badge(endpoint.get_state_display(), TONES[WebhookEndpoint.State(endpoint.state)])


def _names(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "merchant_id": endpoint.merchant_id,
        "livemode": endpoint.livemode,
        "public_id": endpoint.public_id,
    }
