"""Holds back a part of what becomes available, against refunds and disputes to come, and gives it back on its day. It
is the merchant's all along: it stands on an account of its own, and is shown as pending."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from core.money import share
from ledger.services import post
from payments import bookings, queries
from payments.models import BalanceTransaction, Terms

MILLIONTHS_PER_BASIS_POINT = 100
State, Type = BalanceTransaction.State, BalanceTransaction.Type


def hold_reserves(rows: Iterable[BalanceTransaction]) -> None:
    """For sales that have just become available, in the same transaction, under their charges' locks. What refunds
    and disputes have taken of a sale needs no reserve."""
    sales = [row for row in rows if row.type == Type.CHARGE]
    held = Terms.objects.filter(
        merchant_id__in={row.merchant_id for row in sales}, reserve_basis_points__gt=0
    )
    terms = {each.merchant_id: each for each in held}
    for sale in sales:
        if agreed := terms.get(sale.merchant_id):
            _hold(sale, agreed)


def _hold(sale: BalanceTransaction, terms: Terms) -> None:
    charge = sale.charge
    assert charge is not None
    left_minor = sale.amount_minor - queries.taken_minor(charge) - queries.disputed_minor(charge)
    held_minor = share(max(left_minor, 0), terms.reserve_basis_points * MILLIONTHS_PER_BASIS_POINT)
    # A fee may have taken most of the sale: what the merchant did not get is not held back.
    held_minor = min(held_minor, sale.net_minor)
    if held_minor <= 0:
        return
    now = timezone.now()
    until = now + timedelta(days=terms.reserve_days)
    reference = f"{sale.public_id}:reserved"
    post(
        reference=reference,
        kind="reserve_held",
        lines=bookings.reserve_held(sale.merchant.public_id, sale.currency, held_minor),
        livemode=sale.livemode,
        merchant_id=sale.merchant_id,
    )
    for type_, state, amount_minor, on in (
        (Type.RESERVE_HOLD, State.AVAILABLE, -held_minor, now),
        (Type.RESERVE_RELEASE, State.RESERVED, held_minor, until),
    ):
        BalanceTransaction.objects.create(
            merchant_id=sale.merchant_id,
            livemode=sale.livemode,
            type=type_,
            source=charge.public_id,
            charge=charge,
            state=state,
            amount_minor=amount_minor,
            currency=sale.currency,
            available_on=on,
            ledger_reference=reference,
        )
