"""Gives money back from the console, by the same service as the API. The form carries its own idempotency key
from the moment it is first shown: however often it is sent, it makes one refund."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from controls.approvals import Wish, ask_for_approval
from controls.errors import ApprovalRefused
from core.audit import note
from core.console import ReadOnlyAdmin
from core.errors import TollgateError
from core.showing import mode, money, page_url
from idempotency.errors import KeyInUse
from idempotency.keys import Answer
from merchants.auth import staff_caller
from payments.admin.forms import (
    SELECT,
    TEXT,
    KeyedForm,
    amount_field,
    key_of,
    minor,
    new_key,
    takes_two,
    written,
)
from payments.models import Charge
from payments.queries import refusing_dispute, taken_minor
from payments.services import approved_refund
from payments.services.refund import NewRefund, create_refund
from payments.showing import card_text

REASONS = [
    ("requested_by_customer", "The customer asked for it"),
    ("duplicate", "The customer was charged twice"),
    ("fraudulent", "The payment looks fraudulent"),
    ("", "Another reason"),
]


def may_refund(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("payments.add_refund"))


class RefundForm(KeyedForm):
    """What a person decides: how much, why, and that they mean it."""

    confirmation = "Yes, send this money back. It can not be called back afterwards."
    reason = forms.ChoiceField(choices=REASONS, required=False, widget=forms.Select(attrs=SELECT))
    note = forms.CharField(
        label="Note for whoever has to approve it",
        required=False,
        max_length=1_000,
        widget=forms.TextInput(attrs=TEXT),
    )

    def __init__(self, charge: Charge, left_minor: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = charge.currency
        self.left_minor = left_minor
        self.fields["amount"] = amount_field(charge.currency, left_minor)
        self.order_fields(["key", "amount", "reason", "note", "confirmed"])

    @property
    def amount_minor(self) -> int:
        return minor(self.cleaned_data["amount"], self.currency)


def refund_page(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The form, or what became of it."""
    if not (may_refund(request) and console.has_view_permission(request)):
        raise PermissionDenied
    charge = get_object_or_404(Charge.objects.select_related("merchant", "payment_intent"), pk=pk)
    left_minor = (charge.captured_minor or 0) - taken_minor(charge)
    dispute = refusing_dispute(charge)
    if request.method == "POST":
        form = RefundForm(charge, left_minor, request.POST)
        if form.is_valid() and (done := _refund(console, request, charge, form)):
            return done
    elif dispute is not None:
        messages.warning(request, f"The bank has taken this money back already: {dispute.public_id}.")
        return console.back_to(charge)
    elif left_minor <= 0:
        messages.warning(request, f"Nothing is left to refund on {charge.public_id}.")
        return console.back_to(charge)
    else:
        form = RefundForm(charge, left_minor, initial=_initial(charge, left_minor))
    return console.render(
        request,
        "payments/action_form.html",
        row=charge,
        title=f"Refund {charge.public_id}",
        mode=mode(charge.livemode),
        about=[
            ("Merchant", charge.merchant),
            ("Card", card_text(charge)),
            ("Captured", money(charge.captured_minor, charge.currency)),
            ("Left to refund", money(left_minor, charge.currency)),
        ],
        form=form,
        button="Refund",
    )


def _initial(charge: Charge, left_minor: int) -> dict[str, Any]:
    return {
        "key": new_key(),
        "amount": written(left_minor, charge.currency),
        "reason": "requested_by_customer",
    }


def _refund(console: ReadOnlyAdmin, request: Any, charge: Charge, form: RefundForm) -> HttpResponse | None:
    """Back to the charge when it is done or under way; None with an error on the form when it was refused."""
    asked = NewRefund(
        charge=charge.public_id, amount_minor=form.amount_minor, reason=form.cleaned_data["reason"]
    )
    caller = staff_caller(charge.merchant, livemode=charge.livemode, username=request.user.get_username())
    # All that is given back of one charge counts, so that two halves are as much as the whole. Read before anything
    # is asked, or it might hold that form's own refund.
    total_minor = taken_minor(charge) + form.amount_minor
    if takes_two(approved_refund.NAME, form.cleaned_data["key"], charge, total_minor):
        return _ask(console, request, charge, form)
    said = {"charge": asked.charge, "amount": asked.amount_minor, "reason": asked.reason}
    key = key_of(request, charge, form.cleaned_data["key"], "refunds", said)
    # Before it is begun, since nothing may be open while the bank is asked. What came of it is in the timeline.
    note(request, "changed", f"Asks for a refund of {money(form.amount_minor, charge.currency)}.", charge)
    try:
        answer = create_refund(caller=caller, asked=asked, key=key)
    except KeyInUse:
        messages.info(request, "This refund is being made right now. Reload in a moment to see it.")
    except TollgateError as error:
        form.add_error(None, error.message)
        return None
    else:
        _tell(request, answer)
    return console.back_to(charge)


def _ask(console: ReadOnlyAdmin, request: Any, charge: Charge, form: RefundForm) -> HttpResponse | None:
    """Nothing moves until somebody else has decided."""
    if form.amount_minor > form.left_minor:
        form.add_error("amount", f"At most {money(form.left_minor, charge.currency)}.")
        return None
    reason = form.cleaned_data["reason"]
    amount = money(form.amount_minor, charge.currency)
    wish = Wish(
        action=approved_refund.NAME,
        subject=charge.public_id,
        summary=f"Refund {amount} of {charge.public_id}",
        parameters={"reason": reason},
        livemode=charge.livemode,
        merchant_id=charge.merchant_id,
        currency=charge.currency,
        amount_minor=form.amount_minor,
    )
    why = "; ".join(filter(None, [dict(REASONS)[reason], form.cleaned_data["note"]]))
    try:
        with transaction.atomic():
            approval = ask_for_approval(wish, key=form.cleaned_data["key"], maker=request.user, reason=why)
            note(request, "changed", f"Asks somebody to approve a refund of {amount}: {approval}.", charge)
    except ApprovalRefused as error:
        form.add_error(None, error.message)
        return None
    messages.warning(
        request, f"{amount} takes a second person. {approval} waits for one; nothing was refunded yet."
    )
    return redirect(page_url(approval))


def _tell(request: HttpRequest, answer: Answer) -> None:
    refund = json.loads(answer.body)
    amount = money(refund["amount"], refund["currency"])
    match refund["status"]:
        case "succeeded":
            messages.success(request, f"Refunded {amount} ({refund['id']}).")
        case "pending":
            messages.warning(
                request, f"{amount} is on its way ({refund['id']}); the processor has not confirmed it yet."
            )
        case _:
            messages.error(request, f"The processor refused to refund {amount} ({refund['id']}).")
