"""Disputes: the queue, the nearest deadline first, and a page for each with all that it takes to answer it. Every
answer goes through the services, with a reason."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from core.audit import note
from core.console import DayFilter, SelectFilter
from core.showing import badge, mode, words
from payments.admin import answering
from payments.admin.accounts import books_of
from payments.admin.columns import PAYMENT_FILTERS, PaymentAdmin
from payments.admin.story import Told
from payments.models import Dispute, EvidenceFile, TimelineEntry
from payments.queries import balances_of_disputes, taken_minor
from payments.showing import card_text, deadline, state_badge, who

TO_ANSWER, WAITING, ENDED, ALL = "", "waiting", "ended", "all"
QUEUES = {
    TO_ANSWER: ("To answer", Dispute.ANSWERABLE),
    WAITING: ("Under review", (Dispute.State.UNDER_REVIEW, Dispute.State.WARNING_UNDER_REVIEW)),
    ENDED: ("Won, lost, closed", Dispute.ENDED),
    ALL: ("All", tuple(Dispute.State)),
}
# What each state means for whoever has to act.
GUIDE = {
    "needs_response": "The cardholder's bank has taken the money back. Show by the deadline that the charge was "
    "right, or accept the loss. Without an answer it is lost.",
    "warning_needs_response": "The cardholder's bank asks about the charge; no money has moved. A good answer, or a "
    "refund of the charge, keeps it from becoming a dispute.",
    "under_review": "The answer is with the cardholder's bank, which decides alone. That may take weeks.",
    "warning_under_review": "The answer is with the cardholder's bank. No money has moved.",
    "warning_closed": "The bank asks no more. No money has moved.",
    "won": "The bank gave the money back, and the merchant has it again. The fee stays paid.",
    "lost": "The money stays with the cardholder, and the merchant bears it with the fee.",
}


class QueueFilter(SelectFilter):
    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in QUEUES.items() if name]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        _, states = QUEUES.get(self.value() or TO_ANSWER, QUEUES[ALL])
        # By id it is found wherever it stands.
        return rows if request.GET.get("q") else rows.filter(state__in=states)


@admin.register(Dispute)
class DisputeAdmin(PaymentAdmin):
    page_template = "payments/dispute.html"
    export_fields = [
        *(
            "public_id",
            "charge__public_id",
            "state",
            "amount_minor",
            "fee_minor",
            "currency",
            "reason",
            "due_by",
        ),
        *("submissions", "processor", "processor_id", "livemode", "merchant__public_id", "merchant__name"),
        "created_at",
    ]
    list_before_template = "payments/dispute_queue.html"
    list_display = [
        "deadline",
        "id_column",
        "amount",
        "why",
        "status",
        "answer",
        "merchant",
        "mode",
    ]
    list_display_links = None
    list_select_related = ["merchant", "charge"]
    list_filter = [QueueFilter, *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id__exact", "charge__public_id__exact", "processor_id__exact"]
    search_help_text = "The whole id of a dispute or of its charge"

    def get_ordering(self, request: HttpRequest) -> list[str]:
        queue = request.GET.get("queue", TO_ANSWER)
        return ["due_by", "pk"] if queue in (TO_ANSWER, WAITING) else ["-pk"]

    @admin.display(description="answer by", ordering="due_by")
    def deadline(self, dispute: Dispute) -> SafeString | str:
        return deadline(dispute)

    @admin.display(description="reason")
    def why(self, dispute: Dispute) -> str:
        return words(dispute.reason)

    @admin.display(description="our answer")
    def answer(self, dispute: Dispute) -> SafeString | str:
        return _answer(dispute)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        here = request.GET.get("queue", TO_ANSWER)
        waiting = Dispute.objects.filter(state__in=Dispute.ANSWERABLE)
        stakes = waiting.values("currency", "livemode").annotate(
            number=Count("pk"), total=Sum("amount_minor"), first=Min("due_by")
        )
        shown = {
            "queues": [(name, label, name == here) for name, (label, _) in QUEUES.items()],
            "stakes": [
                {**one, "mode": mode(one["livemode"])} for one in stakes.order_by("-livemode", "currency")
            ],
        }
        response: HttpResponse = super().changelist_view(request, {**shown, **(extra_context or {})})
        return response

    def page(self, request: HttpRequest, dispute: Any) -> dict[str, Any]:
        charge = dispute.charge
        open_to = answering.can_be_answered(dispute)
        (balances,) = balances_of_disputes([dispute]).values()
        return {
            "title": f"Dispute {dispute.public_id}",
            "state": state_badge(dispute.state),
            "mode": mode(dispute.livemode),
            "deadline": deadline(dispute),
            "guide": GUIDE[dispute.state],
            "why": words(dispute.reason),
            "answer": _answer(dispute),
            "may_answer": open_to and request.user.has_perm(answering.ANSWER),
            "may_accept": open_to and not dispute.is_inquiry and request.user.has_perm(answering.ACCEPT),
            "charge": charge,
            "card": card_text(charge),
            "refunded_minor": taken_minor(charge),
            "taken_minor": -sum(row.net_minor for row in balances if row.amount_minor < 0),
            "back_minor": sum(row.amount_minor for row in balances if row.amount_minor > 0),
            "texts": answering.texts_of(dispute),
            "files": answering.files_of(dispute),
            "story": books_of([f"{dispute.public_id}:opened", f"{dispute.public_id}:won"]),
            "timeline": [
                Told(entry, who(entry.actor), [("dispute", entry.dispute_state)])
                for entry in TimelineEntry.objects.filter(
                    payment_intent=dispute.payment_intent_id, dispute=dispute
                ).order_by("pk")
            ],
        }

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:pk>/evidence/", self.evidence, "payments_dispute_evidence"),
            ("<int:pk>/submit/", self.submit, "payments_dispute_submit"),
            ("<int:pk>/accept/", self.accept, "payments_dispute_accept"),
            ("<int:pk>/files/<int:file_pk>/", self.file, "payments_dispute_file"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [*(path(way, self.admin_site.admin_view(view), name=name) for way, view, name in views), *urls]

    def evidence(self, request: HttpRequest, pk: int) -> HttpResponse:
        return answering.evidence_page(self, request, pk)

    def submit(self, request: HttpRequest, pk: int) -> HttpResponse:
        return answering.submit_page(self, request, pk)

    def accept(self, request: HttpRequest, pk: int) -> HttpResponse:
        return answering.accept_page(self, request, pk)

    def file(self, request: HttpRequest, pk: int, file_pk: int) -> HttpResponse:
        """As it was handed in, and never as a page of this console."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        file = get_object_or_404(EvidenceFile, pk=file_pk, dispute=pk)
        note(request, "saw", f"Opened {file.name} of {file.dispute}.", file.dispute)
        response = HttpResponse(bytes(file.content), content_type=file.content_type)
        kind = file.content_type.rpartition("/")[2]
        response["Content-Disposition"] = f'attachment; filename="{file.public_id}.{kind}"'
        response["Content-Security-Policy"] = "sandbox"
        return response


def _answer(dispute: Dispute) -> SafeString | str:
    if dispute.wanted:
        return badge("Being sent", "info")
    if dispute.submissions:
        return badge("Sent", "good")
    if dispute.state == Dispute.State.LOST:
        return badge("None, or accepted", "quiet")
    return badge("Written, not sent", "open") if dispute.evidence else badge("Nothing yet", "quiet")
