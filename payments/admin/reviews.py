"""Payments that wait for a person: the queue, the nearest deadline first, and a page for each with all that it takes
to decide. Decisions go through the services, once per form that was shown."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from core.audit import note
from core.console import DayFilter, ModeFilter, ReadOnlyAdmin, SelectFilter
from core.errors import TollgateError
from core.showing import link, mode, moment, page_url
from idempotency.errors import KeyInUse
from merchants.filters import MerchantFilter
from payments.admin.forms import ReasonedForm, key_of, new_key
from payments.admin.story import Told, states_of
from payments.attempts import Actor
from payments.models import Charge, TimelineEntry
from payments.services.reviews import approve_review, reject_review
from payments.showing import card_text, time_left, who
from risk import showing
from risk.explaining import explain
from risk.models import Review

RIGHT = "risk.change_review"
OPEN, ENDED, ALL = "", "ended", "all"
QUEUES = {
    OPEN: ("To decide", (Review.State.OPEN,)),
    ENDED: ("Decided or ended", tuple(state for state in Review.State if state != Review.State.OPEN)),
    ALL: ("All", tuple(Review.State)),
}
# Other payments by the same card or email, newest first.
MAX_RELATED = 10


class ApproveForm(ReasonedForm):
    confirmation = "Yes, this payment is honest. It goes its way, and this can't be taken back."


class RejectForm(ReasonedForm):
    confirmation = "Yes, refuse this payment. What the card holds is set free, and the payment is canceled."


class QueueFilter(SelectFilter):
    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in QUEUES.items() if name]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        _, states = QUEUES.get(self.value() or OPEN, QUEUES[ALL])
        # By id it is found wherever it stands.
        return rows if request.GET.get("q") else rows.filter(state__in=states)


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    page_template = "payments/review.html"
    export_fields = [
        *("public_id", "charge", "payment_intent", "state", "decision__reason", "decision__score", "due_at"),
        *(
            "closed_at",
            "closed_reason",
            "closed_by",
            "note",
            "livemode",
            "merchant__public_id",
            "merchant__name",
        ),
        "created_at",
    ]
    list_before_template = "payments/review_queue.html"
    list_display = [
        "deadline",
        "id_column",
        "amount",
        "why",
        "risk",
        "status",
        "merchant",
        "shown_mode",
        "created",
    ]
    list_display_links = None
    list_select_related = ["merchant", "decision"]
    list_filter = [QueueFilter, ("livemode", ModeFilter), MerchantFilter, ("created_at", DayFilter)]
    search_fields = ["public_id__exact", "charge__exact"]
    search_help_text = "The whole id of a review or of its charge"
    sortable_by = ["deadline", "created"]

    def get_ordering(self, request: HttpRequest) -> list[str]:
        return ["due_at", "pk"] if request.GET.get("queue", OPEN) == OPEN else ["-pk"]

    @admin.display(description="decide by", ordering="due_at")
    def deadline(self, review: Review) -> SafeString | str:
        return time_left(review.due_at) if review.state == Review.State.OPEN else "–"

    @admin.display(description="review")
    def id_column(self, review: Review) -> SafeString:
        return link(page_url(review), review.public_id)

    @admin.display(description="amount")
    def amount(self, review: Review) -> str:
        return showing.amount(review.decision)

    @admin.display(description="why")
    def why(self, review: Review) -> str:
        return review.decision.reason

    @admin.display(description="risk")
    def risk(self, review: Review) -> SafeString:
        return showing.level(review.decision)

    @admin.display(description="state")
    def status(self, review: Review) -> SafeString:
        return showing.review_state(review)

    @admin.display(description="mode")
    def shown_mode(self, review: Review) -> SafeString:
        return mode(review.livemode)

    @admin.display(description="held since", ordering="pk")
    def created(self, review: Review) -> SafeString | str:
        return moment(review.created_at)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        here = request.GET.get("queue", OPEN)
        queues = [(name, label, name == here) for name, (label, _) in QUEUES.items()]
        response: HttpResponse = super().changelist_view(request, {"queues": queues, **(extra_context or {})})
        return response

    def page(self, request: HttpRequest, review: Any) -> dict[str, Any]:
        charge = _charge(review)
        return {
            "title": f"Review {review.public_id}",
            "charge": charge,
            "card": card_text(charge),
            "state": showing.review_state(review),
            "level": showing.level(review.decision),
            "mode": mode(review.livemode),
            "deadline": time_left(review.due_at)
            if review.state == Review.State.OPEN
            else moment(review.closed_at),
            "closed_by": who(review.closed_by) if review.closed_at else "",
            "explained": explain(review.decision),
            "related": _related(charge),
            "timeline": _timeline(charge),
            "may_decide": review.state == Review.State.OPEN and _may(request),
        }

    def get_urls(self) -> list[URLPattern]:
        ways: dict[str, Callable[..., HttpResponse]] = {"approve": self.approve, "reject": self.reject}
        urls: list[URLPattern] = super().get_urls()
        return [
            *(
                path(f"<int:pk>/{way}/", self.admin_site.admin_view(view), name=f"risk_review_{way}")
                for way, view in ways.items()
            ),
            *urls,
        ]

    def approve(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._decide(request, pk, ApproveForm, approve_review, "Approve")

    def reject(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._decide(request, pk, RejectForm, reject_review, "Reject")

    def _decide(
        self, request: Any, pk: int, form_class: type[ReasonedForm], service: Callable[..., Any], verb: str
    ) -> HttpResponse:
        if not (_may(request) and self.has_view_permission(request)):
            raise PermissionDenied
        review = get_object_or_404(Review.objects.select_related("merchant", "decision"), pk=pk)
        if request.method == "POST":
            form = form_class(request.POST)
            if form.is_valid() and _decided(request, review, form, service, verb):
                return self.back_to(review)
        elif review.state != Review.State.OPEN:
            messages.warning(request, f"{review.public_id} is decided already.")
            return self.back_to(review)
        else:
            form = form_class(initial={"key": new_key()})
        return self.render(
            request,
            "payments/action_form.html",
            row=review,
            title=f"{verb} {review.public_id}",
            mode=mode(review.livemode),
            about=[
                ("Merchant", review.merchant),
                ("Amount", showing.amount(review.decision)),
                ("Why it is held", review.decision.reason),
                ("Then", _then(review, verb)),
            ],
            form=form,
            button=verb,
        )


def _may(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(RIGHT))


def _then(review: Review, verb: str) -> str:
    if verb == "Reject":
        return "The hold on the card ends; nothing was taken"
    return "The money is taken at once" if review.captures else "The merchant may capture it"


def _decided(
    request: Any, review: Review, form: ReasonedForm, service: Callable[..., Any], verb: str
) -> bool:
    """Whether there is something to go back to the review for; else the form says why not."""
    reason = form.cleaned_data["reason"]
    row: Any = review
    key = key_of(request, row, form.cleaned_data["key"], "reviews", {"review": review.public_id, "way": verb})
    note(request, "changed", f"{verb}s what is held for review: {reason}", review)
    try:
        service(
            review,
            actor=Actor(f"staff:{request.user.get_username()}"[:100], request.request_id),
            key=key,
            note=reason,
        )
    except KeyInUse:
        messages.info(request, "This is being decided right now. Reload in a moment to see it.")
        return True
    except TollgateError as error:
        form.add_error(None, error.message)
        return False
    _tell(request, review)
    return True


def _tell(request: HttpRequest, review: Review) -> None:
    charge = _charge(review)
    match charge.state:
        case Charge.State.CAPTURED:
            messages.success(request, "Approved, and the money is taken.")
        case Charge.State.VOIDED:
            messages.success(request, "Rejected: the card holds nothing any more.")
        case _ if charge.operations.filter(next_attempt_at__isnull=False).exists():
            messages.warning(
                request, "Decided. The processor has not confirmed it yet; Tollgate asks again by itself."
            )
        case _:
            messages.success(request, "Decided.")


def _charge(review: Review) -> Charge:
    return Charge.objects.select_related("merchant", "payment_intent").get(public_id=review.charge)


def _related(charge: Charge) -> list[tuple[Charge, str]]:
    """What else this card and this email did at the merchant, with what they share."""
    where = Q()
    if charge.card_fingerprint:
        where |= Q(card_fingerprint=charge.card_fingerprint)
    if charge.receipt_email:
        where |= Q(receipt_email=charge.receipt_email)
    if not where:
        return []
    rows = Charge.objects.filter(where, merchant=charge.merchant_id, livemode=charge.livemode).exclude(
        pk=charge.pk
    )
    return [
        (row, "card" if row.card_fingerprint == charge.card_fingerprint else "email")
        for row in rows.order_by("-pk")[:MAX_RELATED]
    ]


def _timeline(charge: Charge) -> list[Told]:
    entries = TimelineEntry.objects.filter(charge=charge).select_related("operation", "refund", "dispute")
    return [Told(entry, who(entry.actor), states_of(entry)) for entry in entries.order_by("pk")]
