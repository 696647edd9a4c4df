"""Pays a merchant out from the console, and calls a payout back: by the same services as the API, with a reason."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from controls.approvals import Wish, ask_for_approval
from controls.errors import ApprovalRefused
from core.audit import note
from core.console import ReadOnlyAdmin
from core.errors import TollgateError
from core.showing import money, page_url
from ledger.queries import balance
from merchants.auth import staff_caller
from payments import chart
from payments.admin.forms import AmountForm, ReasonedForm, key_of, new_key, takes_two, was_used, written
from payments.models import BankAccount, Payout
from payments.services import approved_payout
from payments.services.payout import NewPayout, cancel_payout, create_payout

# What was asked for lately counts as one with what is asked for now.
LATELY = timedelta(days=1)


class PayoutForm(AmountForm):
    confirmation = "Yes, send this money."


class CallBackForm(ReasonedForm):
    confirmation = "Yes, give it back to the merchant's balance."


def payout_page(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The form for one bank account, or what became of it."""
    _require(console, request, "payments.add_payout")
    account = get_object_or_404(BankAccount.objects.select_related("merchant"), pk=pk)
    place = chart.merchant_available(account.merchant.public_id)
    available_minor = max(-balance(place, account.currency, account.livemode), 0)
    again = was_used(account, request.POST.get("key", ""))
    if not again and (account.removed_at is not None or not available_minor):
        why = "is not in use any more" if account.removed_at else "has nothing to be sent"
        messages.warning(request, f"{account} of {account.merchant} {why}.")
        return redirect("admin:payments_bankaccount_changelist")
    if request.method == "POST":
        form = PayoutForm(account.currency, available_minor, request.POST)
        if form.is_valid() and (done := _pay_out(request, account, form)):
            return done
    else:
        form = PayoutForm(
            account.currency,
            available_minor,
            initial={"key": new_key(), "amount": written(available_minor, account.currency)},
        )
    return console.render(
        request,
        "payments/routing_form.html",
        row=account,
        title=f"Pay {account.merchant} out",
        note=f"To {account}, in the name of {account.holder}. {money(available_minor, account.currency)} are "
        "available. It can be called back for about a minute.",
        form=form,
        button="Pay out",
        danger=False,
        back=page_url(account),
    )


def cancel_page(console: ReadOnlyAdmin, request: Any, pk: int) -> HttpResponse:
    """Calls the payout back, if no bank was asked yet."""
    _require(console, request, "payments.change_payout")
    payout = get_object_or_404(Payout.objects.select_related("merchant"), pk=pk)
    form = CallBackForm(request.POST or None, initial={"key": new_key()})
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        caller = _caller(request, payout)
        note(request, "changed", f"Calls {payout.public_id} back: {reason}", payout)
        try:
            key = key_of(
                request, payout, form.cleaned_data["key"], "payouts/cancel", {"payout": payout.public_id}
            )
            cancel_payout(caller=caller, payout=payout.public_id, key=key, reason=reason)
            messages.success(request, f"{payout.public_id} is called back: the merchant has the money again.")
        except TollgateError as error:
            messages.error(request, error.message)
        return console.back_to(payout)
    return console.render(
        request,
        "payments/routing_form.html",
        row=payout,
        title=f"Call {payout.public_id} back",
        note=f"{money(payout.amount_minor, payout.currency)} to {payout.bank_account}. Once a bank was asked to send "
        "it, this is refused.",
        form=form,
        button="Call it back",
        danger=True,
        back=page_url(payout),
    )


def _pay_out(request: Any, account: BankAccount, form: PayoutForm) -> HttpResponse | None:
    """Where to go next; None with an error on the form when it was refused."""
    key, reason = form.cleaned_data["key"], form.cleaned_data["reason"]
    lately = Payout.objects.filter(
        bank_account=account, scheduled_on=None, created_at__gt=timezone.now() - LATELY
    ).exclude(state__in=(Payout.State.CANCELED, Payout.State.FAILED))
    total_minor = form.amount_minor + (lately.aggregate(total=Sum("amount_minor"))["total"] or 0)
    if takes_two(approved_payout.NAME, key, account, total_minor):
        return _ask(request, account, form)
    asked = NewPayout(form.amount_minor, account.currency, destination=account.public_id, reason=reason)
    said = {"destination": asked.destination, "amount": asked.amount_minor}
    amount = money(form.amount_minor, account.currency)
    note(request, "changed", f"Asks for a payout of {amount}: {reason}", account)
    try:
        answer = create_payout(
            caller=_caller(request, account),
            asked=asked,
            key=key_of(request, account, key, "payouts", said),
        )
    except TollgateError as error:
        form.add_error(None, error.message)
        return None
    payout = Payout.objects.get(public_id=json.loads(answer.body)["id"])
    messages.success(request, f"{amount} are on their way ({payout.public_id}).")
    return redirect(page_url(payout))


def _ask(request: Any, account: BankAccount, form: PayoutForm) -> HttpResponse | None:
    """Nothing moves until somebody else has decided."""
    amount = money(form.amount_minor, account.currency)
    wish = Wish(
        action=approved_payout.NAME,
        subject=account.public_id,
        summary=f"Pay {amount} out to {account.merchant}, {account}",
        livemode=account.livemode,
        merchant_id=account.merchant_id,
        currency=account.currency,
        amount_minor=form.amount_minor,
    )
    try:
        with transaction.atomic():
            approval = ask_for_approval(
                wish, key=form.cleaned_data["key"], maker=request.user, reason=form.cleaned_data["reason"]
            )
            note(request, "changed", f"Asks somebody to approve a payout of {amount}: {approval}.", account)
    except ApprovalRefused as error:
        form.add_error(None, error.message)
        return None
    messages.info(request, f"A payout of {amount} waits for somebody to approve it ({approval.public_id}).")
    return redirect(page_url(account))


def _caller(request: Any, row: BankAccount | Payout) -> Any:
    return staff_caller(row.merchant, livemode=row.livemode, username=request.user.get_username())


def _require(console: ReadOnlyAdmin, request: HttpRequest, permission: str) -> None:
    if not (console.has_view_permission(request) and request.user.has_perm(permission)):
        raise PermissionDenied
