"""Answers a dispute from the console, by the same services as the API. Each form carries its own idempotency key from
the moment it is first shown: one that is sent again does nothing new, and shows what became of it."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from core.audit import note
from core.console import ReadOnlyAdmin
from core.errors import TollgateError
from core.showing import money, words
from idempotency.errors import KeyInUse
from idempotency.keys import Key
from payments.admin.dispute_forms import EvidenceForm, FinalForm
from payments.admin.forms import key_of, was_used
from payments.attempts import Actor
from payments.evidence import FILES, TEXTS
from payments.models import Dispute, EvidenceFile
from payments.services.answer_dispute import Response, accept, respond
from payments.showing import deadline

ANSWER, ACCEPT = "payments.change_dispute", "payments.accept_dispute"
SUBMITTED = "Yes, send this as the answer. Nothing can be added afterwards."
ACCEPTED = "Yes, give up this dispute. The money stays with the cardholder."


def evidence_page(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Writes evidence down; the bank hears nothing of it yet."""
    dispute, again = _dispute(console, request, pk, ANSWER)
    if not (again or can_be_answered(dispute)):
        return _too_late(console, request, dispute)
    form = EvidenceForm(dispute, request.POST or None, request.FILES or None, again=again)
    if request.method == "POST" and form.is_valid() and _written(request, dispute, form):
        return console.back_to(dispute)
    return console.render(
        request,
        "payments/dispute_evidence.html",
        row=dispute,
        title=f"Evidence for {dispute.public_id}",
        form=form,
        files=files_of(dispute),
        deadline=deadline(dispute),
        why=words(dispute.reason),
    )


def submit_page(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    dispute, again = _dispute(console, request, pk, ANSWER)
    if not (again or can_be_answered(dispute)):
        return _too_late(console, request, dispute)
    form = FinalForm(SUBMITTED, request.POST or None)
    if request.method == "POST" and form.is_valid() and _submitted(request, dispute, form):
        return console.back_to(dispute)
    return _final(console, request, dispute, form, "Submit the answer", danger=False)


def accept_page(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    dispute, again = _dispute(console, request, pk, ACCEPT)
    if not (again or can_be_answered(dispute)):
        return _too_late(console, request, dispute)
    form = FinalForm(ACCEPTED, request.POST or None)
    if request.method == "POST" and form.is_valid() and _accepted(request, dispute, form):
        return console.back_to(dispute)
    return _final(console, request, dispute, form, "Accept the dispute", danger=True)


def can_be_answered(dispute: Dispute) -> bool:
    return dispute.state in Dispute.ANSWERABLE and not dispute.wanted


def texts_of(dispute: Dispute) -> list[tuple[str, str]]:
    found = [(label, dispute.evidence.get(name, "")) for name, (label, _) in TEXTS.items()]
    return [(label, text) for label, text in found if text]


def files_of(dispute: Dispute) -> list[tuple[str, EvidenceFile]]:
    """Those that count, by what they show."""
    known = {file.public_id: file for file in dispute.files.defer("content").order_by("pk")}
    chosen = [(label, known.get(dispute.evidence.get(name, ""))) for name, label in FILES.items()]
    return [(label, file) for label, file in chosen if file is not None]


def _dispute(console: ReadOnlyAdmin, request: HttpRequest, pk: int, right: str) -> tuple[Dispute, bool]:
    """The dispute, and whether this form was sent before. In this order: what cannot be answered any more because of
    this form shows its claim too."""
    if not (console.has_view_permission(request) and request.user.has_perm(right)):
        raise PermissionDenied
    dispute = get_object_or_404(Dispute.objects.select_related("charge", "merchant"), pk=pk)
    return dispute, was_used(dispute, request.POST.get("key", ""))


def _too_late(console: ReadOnlyAdmin, request: HttpRequest, dispute: Dispute) -> HttpResponse:
    messages.warning(request, f"{dispute.public_id} can't be answered any more: it was, or it has ended.")
    return console.back_to(dispute)


def _written(request: Any, dispute: Dispute, form: EvidenceForm) -> bool:
    files, why = form.new_files(), form.cleaned_data["why"]
    said = Response(form.texts(dispute), files=files, reason=why)
    sums = {name: hashlib.sha256(file.content).hexdigest() for name, file in files.items()}
    # All texts, not only those that differ from what is kept: after the first time none does.
    key = _key(request, dispute, form, "evidence", {**form.all_texts(), **sums})
    return _done(
        request,
        form,
        dispute,
        "Writes evidence",
        do=lambda actor: respond(dispute.pk, said, actor, key=key),
        tell=lambda: messages.success(request, "Kept. The bank sees it once you submit it."),
    )


def _submitted(request: Any, dispute: Dispute, form: FinalForm) -> bool:
    said = Response(submit=True, reason=form.cleaned_data["why"])
    key = _key(request, dispute, form, "submit", {})
    return _done(
        request,
        form,
        dispute,
        "Submits the answer",
        do=lambda actor: respond(dispute.pk, said, actor, key=key),
        tell=lambda: _tell(request, dispute, "The answer is with the bank now."),
    )


def _accepted(request: Any, dispute: Dispute, form: FinalForm) -> bool:
    key, why = _key(request, dispute, form, "accept", {}), form.cleaned_data["why"]
    return _done(
        request,
        form,
        dispute,
        "Accepts it",
        do=lambda actor: accept(dispute.pk, actor, reason=why, key=key),
        tell=lambda: _tell(request, dispute, "The dispute was given up: it is lost."),
    )


def _key(request: Any, dispute: Dispute, form: Any, doing: str, said: dict[str, str]) -> Key:
    given = form.cleaned_data
    said = {**said, "dispute": dispute.public_id, "why": given["why"]}
    return key_of(request, dispute, given["key"], f"disputes/{doing}", said)


def _done(
    request: Any,
    form: Any,
    dispute: Dispute,
    what: str,
    *,
    do: Callable[[Actor], object],
    tell: Callable[[], None],
) -> bool:
    """Whether there is something to go back to the dispute for; else the form says why not. Written down before,
    since nothing may be open while the bank is asked."""
    note(request, "changed", f"{what}: {form.cleaned_data['why']}", dispute)
    try:
        do(Actor(f"staff:{request.user.get_username()}"[:100], request.request_id))
    except KeyInUse:
        messages.info(
            request, "This answer is being sent right now. Reload in a moment to see what became of it."
        )
    except TollgateError as error:
        form.add_error(None, error.message)
        return False
    else:
        tell()
    return True


def _tell(request: HttpRequest, before: Dispute, done: str) -> None:
    dispute = Dispute.objects.get(pk=before.pk)
    if dispute.wanted:
        messages.warning(request, "The bank has not confirmed it yet; Tollgate goes on asking.")
    elif can_be_answered(dispute):
        messages.error(
            request, "The bank refused it. Why, is in the timeline; the dispute is still to be answered."
        )
    else:
        messages.success(request, done)


def _final(
    console: ReadOnlyAdmin,
    request: HttpRequest,
    dispute: Dispute,
    form: FinalForm,
    button: str,
    *,
    danger: bool,
) -> HttpResponse:
    return console.render(
        request,
        "payments/dispute_final.html",
        row=dispute,
        title=f"{button}: {dispute.public_id}",
        form=form,
        button=button,
        danger=danger,
        deadline=deadline(dispute),
        texts=texts_of(dispute),
        files=files_of(dispute),
        loss=money(dispute.amount_minor, dispute.currency),
    )
