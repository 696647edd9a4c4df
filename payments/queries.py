"""Reads. Nothing here changes a row, and every read for a client is bound to its merchant and mode."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet, Sum

from core.errors import ResourceMissing
from merchants.auth import Caller
from payments.models import BalanceTransaction, Charge, PaymentIntent, Refund


def charges(caller: Caller) -> QuerySet[Charge]:
    own = Charge.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("payment_intent")


def charge(caller: Caller, public_id: str, *, param: str = "id", in_path: bool = False) -> Charge:
    """ResourceMissing for what is not this merchant's, in this mode."""
    found = charges(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("charge", public_id, param=param, in_path=in_path)
    return found


def refunds(caller: Caller) -> QuerySet[Refund]:
    own = Refund.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("charge", "payment_intent")


def refund(caller: Caller, public_id: str) -> Refund:
    found = refunds(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("refund", public_id, in_path=True)
    return found


def payment_intent(caller: Caller, public_id: str) -> PaymentIntent:
    own = PaymentIntent.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    found = own.filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("payment_intent", public_id, param="intent", in_path=True)
    return found


def balance_transaction(caller: Caller, public_id: str) -> BalanceTransaction:
    own = BalanceTransaction.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    found = own.filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("balance_transaction", public_id, in_path=True)
    return found


def refunded_minor(charge: Charge) -> int:
    """What the charge's succeeded refunds took, in minor units."""
    return refunded_by_charge([charge.pk]).get(charge.pk, 0)


def available_on(charge: Charge) -> datetime | None:
    """When the charge's money becomes available; None while nothing was captured."""
    sale = BalanceTransaction.objects.filter(public_id=charge.balance_transaction)
    return sale.values_list("available_on", flat=True).first()


def refunded_by_charge(charges: Iterable[int]) -> dict[int, int]:
    """The same for many charges at once, by primary key; charges without refunds are left out."""
    rows = (
        Refund.objects.filter(charge_id__in=list(charges), state=Refund.State.SUCCEEDED)
        .values_list("charge_id")
        .annotate(total=Sum("amount_minor"))
    )
    return dict(rows)


def taken_minor(charge: Charge) -> int:
    """What refunds have taken or may still take: open ones count until they fail."""
    total = charge.refunds.exclude(state=Refund.State.FAILED).aggregate(total=Sum("amount_minor"))["total"]
    return int(total or 0)
