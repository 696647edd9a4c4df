"""What a person may do about a call without an answer: have the processor asked now, or say what it told them, which
takes two people."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from controls.approvals import Wish, ask_for_approval, needs_second_person
from controls.errors import ApprovalRefused
from core.audit import note
from core.console import ReadOnlyAdmin
from core.errors import TollgateError
from core.showing import mode, money, page_url, words
from payments.admin.forms import SELECT, TEXT, ReasonedForm, new_key
from payments.attempts import Actor
from payments.models import Operation
from payments.services import doubt
from payments.services.doubt import Decision, decide_outcome, look_again

RIGHT = "payments.change_operation"


class DecisionForm(ReasonedForm):
    confirmation = "Yes, this is the processor's word. The books follow it, and the merchant is told."
    happened = forms.ChoiceField(
        label="What did the processor say?",
        choices=[("", "Choose"), ("yes", "It was done"), ("no", "It was not done, and never will be")],
        widget=forms.Select(attrs=SELECT),
    )
    processor_id = forms.CharField(
        label="The processor's own id of it",
        required=False,
        max_length=200,
        help_text="Where it was done: as their portal or their answer shows it.",
        widget=forms.TextInput(attrs=TEXT),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "Who said so, when, and how?"
        self.order_fields(["key", "happened", "processor_id", "reason", "confirmed"])

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("happened") == "yes" and not said.get("processor_id"):
            self.add_error("processor_id", "What was done has an id at the processor.")
        return said

    @property
    def decision(self) -> Decision:
        said = self.cleaned_data
        happened = said["happened"] == "yes"
        return Decision(happened, said["processor_id"] if happened else "", said["reason"])


def may_decide(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(RIGHT))


def is_in_doubt(operation: Operation) -> bool:
    """Nobody waits for the call itself any more."""
    return operation.is_open and operation.deadline_at <= timezone.now()


def look_page(console: ReadOnlyAdmin, request: Any, pk: int) -> HttpResponse:
    """Asks the processor at once, on POST; asking twice does no harm."""
    operation = _operation(console, request, pk)
    if request.method != "POST":
        return redirect(page_url(operation))
    note(request, "changed", "Has the processor asked now.", operation)
    try:
        operation = look_again(operation.public_id, _actor(request))
    except TollgateError as error:
        messages.warning(request, error.message)
    else:
        if operation.is_open:
            messages.warning(request, "The processor still does not tell. Tollgate goes on asking by itself.")
        else:
            messages.success(request, f"The processor has answered: {words(operation.state).lower()}.")
    return redirect(page_url(operation.charge or operation))


def decide_page(console: ReadOnlyAdmin, request: Any, pk: int) -> HttpResponse:
    operation = _operation(console, request, pk)
    if request.method == "POST":
        form = DecisionForm(request.POST)
        if form.is_valid() and (done := _decide(request, operation, form)):
            return done
    elif not is_in_doubt(operation):
        messages.warning(request, f"There is nothing to decide on {operation.public_id}.")
        return redirect(page_url(operation))
    else:
        form = DecisionForm(initial={"key": new_key()})
    return console.render(
        request,
        "payments/action_form.html",
        row=operation,
        title=f"Outcome of {operation.public_id}",
        mode=mode(operation.livemode),
        about=[
            ("Merchant", operation.merchant),
            ("Asked for", words(operation.kind)),
            ("Amount", money(operation.amount_minor, operation.currency)),
            ("Processor", words(operation.processor)),
        ],
        warning="Only where the processor has told you by other ways. Its word is looked up under "
        f"{operation.public_id}. If it was done after all, the money is found and given back.",
        form=form,
        button="Decide",
    )


def _operation(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> Operation:
    if not (may_decide(request) and console.has_view_permission(request)):
        raise PermissionDenied
    return get_object_or_404(Operation.objects.select_related("merchant", "charge", "payout"), pk=pk)


def _actor(request: Any) -> Actor:
    return Actor(f"staff:{request.user.get_username()}"[:100], request.request_id)


def _decide(request: Any, operation: Operation, form: DecisionForm) -> HttpResponse | None:
    decision = form.decision
    outcome = "done" if decision.happened else "not done"
    try:
        if needs_second_person(doubt.NAME, operation.currency, operation.amount_minor):
            with transaction.atomic():
                approval = ask_for_approval(
                    _wish(operation, decision, outcome),
                    key=form.cleaned_data["key"],
                    maker=request.user,
                    reason=decision.reason,
                )
                note(
                    request,
                    "changed",
                    f"Asks somebody to approve that it was {outcome}: {approval}.",
                    operation,
                )
            messages.warning(
                request, f"This takes a second person. {approval} waits for one; nothing has changed yet."
            )
            return redirect(page_url(approval))
        note(request, "changed", f"Decides that it was {outcome}: {decision.reason}", operation)
        operation = decide_outcome(operation.public_id, decision, _actor(request))
    except (TollgateError, ApprovalRefused) as error:
        form.add_error(None, error.message)
        return None
    messages.success(request, f"{operation.public_id} has ended: {words(operation.state).lower()}.")
    return redirect(page_url(operation.charge or operation))


def _wish(operation: Operation, decision: Decision, outcome: str) -> Wish:
    amount = money(operation.amount_minor, operation.currency)
    return Wish(
        action=doubt.NAME,
        subject=operation.public_id,
        summary=f"Say that the {operation.kind} of {amount} at {operation.processor} was {outcome}",
        parameters={"happened": decision.happened, "processor_id": decision.processor_id},
        livemode=operation.livemode,
        merchant_id=operation.merchant_id,
        currency=operation.currency,
        amount_minor=operation.amount_minor,
    )
