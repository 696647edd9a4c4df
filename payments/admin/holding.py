"""What a person may do with money that a card holds: take all or part of it, or let go of it. By the same services as
the API, once per form that was shown."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from core.audit import note
from core.console import ReadOnlyAdmin
from core.errors import TollgateError
from core.showing import mode, money
from idempotency.errors import KeyInUse
from merchants.auth import staff_caller
from payments.admin.forms import AmountForm, ReasonedForm, key_of, new_key, written
from payments.models import Charge, Operation
from payments.services.cancel import cancel_intent
from payments.services.capture import capture_charge
from payments.showing import card_text

RIGHT = "payments.change_charge"
# A capture that begins now still reaches the processor before the hold ends.
MARGIN = timedelta(seconds=30)


class CaptureForm(AmountForm):
    confirmation = (
        "Yes, take this money from the card. The rest of what is held is set free; this can't be done twice."
    )


class VoidForm(ReasonedForm):
    confirmation = "Yes, let go of this money. The payment is canceled and can't be captured afterwards."


def may_change(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(RIGHT))


def can_capture(charge: Charge, *, under_way: bool) -> bool:
    return (
        charge.state == Charge.State.AUTHORIZED
        and not under_way
        and (charge.capture_before is None or charge.capture_before > timezone.now() + MARGIN)
    )


def can_void(charge: Charge, *, under_way: bool) -> bool:
    return charge.state in (Charge.State.AUTHORIZED, Charge.State.REQUIRES_ACTION) and not under_way


def capture_page(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    charge, under_way = _charge(console, request, pk)
    if request.method == "POST":
        form = CaptureForm(charge.currency, charge.amount_minor, request.POST)
        if form.is_valid() and _captured(request, charge, form):
            return console.back_to(charge)
    elif not can_capture(charge, under_way=under_way):
        messages.warning(request, f"{charge.public_id} holds nothing that can be captured now.")
        return console.back_to(charge)
    else:
        amount = written(charge.amount_minor, charge.currency)
        form = CaptureForm(charge.currency, charge.amount_minor, initial={"key": new_key(), "amount": amount})
    held = money(charge.amount_minor, charge.currency)
    return _shown(console, request, charge, form, verb="Capture", about=[("Held", held)])


def void_page(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    charge, under_way = _charge(console, request, pk)
    if request.method == "POST":
        form = VoidForm(request.POST)
        if form.is_valid() and _voided(request, charge, form):
            return console.back_to(charge)
    elif not can_void(charge, under_way=under_way):
        messages.warning(request, f"{charge.public_id} holds nothing that could be let go of now.")
        return console.back_to(charge)
    else:
        form = VoidForm(initial={"key": new_key()})
    held = money(charge.amount_minor, charge.currency)
    return _shown(console, request, charge, form, verb="Void", about=[("Held", held)])


def _charge(console: ReadOnlyAdmin, request: HttpRequest, pk: int) -> tuple[Charge, bool]:
    """The charge, and whether another call of it is under way."""
    if not (may_change(request) and console.has_view_permission(request)):
        raise PermissionDenied
    charge = get_object_or_404(Charge.objects.select_related("merchant", "payment_intent"), pk=pk)
    return charge, charge.operations.filter(state__in=Operation.OPEN).exists()


def _shown(
    console: ReadOnlyAdmin, request: HttpRequest, charge: Charge, form: Any, *, verb: str, about: list[Any]
) -> HttpResponse:
    return console.render(
        request,
        "payments/action_form.html",
        row=charge,
        title=f"{verb} {charge.public_id}",
        mode=mode(charge.livemode),
        about=[("Merchant", charge.merchant), ("Card", card_text(charge)), *about],
        form=form,
        button=verb,
    )


def _captured(request: Any, charge: Charge, form: CaptureForm) -> bool:
    """Whether there is something to go back to the charge for; else the form says why not."""
    amount = money(form.amount_minor, charge.currency)
    said = {"charge": charge.public_id, "amount": form.amount_minor}
    key = key_of(request, charge, form.cleaned_data["key"], "captures", said)
    note(request, "changed", f"Asks for a capture of {amount}: {form.cleaned_data['reason']}", charge)
    try:
        capture_charge(
            caller=staff_caller(
                charge.merchant, livemode=charge.livemode, username=request.user.get_username()
            ),
            charge=charge.public_id,
            amount_minor=form.amount_minor,
            key=key,
            note=form.cleaned_data["reason"],
        )
    except KeyInUse:
        messages.info(request, "This capture is being made right now. Reload in a moment to see it.")
        return True
    except TollgateError as error:
        form.add_error(None, error.message)
        return False
    _tell(request, charge, Charge.State.CAPTURED, f"Captured {amount}.")
    return True


def _voided(request: Any, charge: Charge, form: VoidForm) -> bool:
    said = {"charge": charge.public_id}
    key = key_of(request, charge, form.cleaned_data["key"], "voids", said)
    note(request, "changed", f"Asks for a void: {form.cleaned_data['reason']}", charge)
    try:
        cancel_intent(
            caller=staff_caller(
                charge.merchant, livemode=charge.livemode, username=request.user.get_username()
            ),
            intent=charge.payment_intent.public_id,
            reason="",
            key=key,
            note=form.cleaned_data["reason"],
        )
    except KeyInUse:
        messages.info(request, "This void is being made right now. Reload in a moment to see it.")
        return True
    except TollgateError as error:
        form.add_error(None, error.message)
        return False
    _tell(request, charge, Charge.State.VOIDED, "Canceled: the card holds nothing any more.")
    return True


def _tell(request: HttpRequest, charge: Charge, hoped: str, done: str) -> None:
    if Charge.objects.get(pk=charge.pk).state == hoped:
        messages.success(request, done)
    elif charge.operations.filter(state__in=Operation.OPEN).exists():
        messages.warning(request, "The processor has not confirmed it yet. Tollgate asks again by itself.")
    else:
        messages.error(request, "The processor refused. Its answer is among the calls below.")
