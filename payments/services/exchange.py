"""Turns a merchant's available money of one currency into another one: two bookings, through an exchange account of
each currency, and the rate kept with them. Where the house buys that currency is not our business here."""

from dataclasses import dataclass

from django.utils import timezone

from core.db import in_transaction
from core.errors import InvalidRequest
from core.ids import new_id
from core.money import display
from ledger.errors import LimitExceeded
from ledger.limits import set_limit
from ledger.lines import Line
from ledger.services import post
from merchants.models import Merchant
from payments import bookings, chart
from payments.amounts import check_positive
from payments.errors import ExchangeExceedsBalance
from payments.models import BalanceTransaction, Exchange
from payments.rates import exchanged, rate
from payments.services.terms import lock_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExchange:
    """What is to be sold, in its smallest unit, for which currency, at which rate (see `rates.rate`)."""

    sold_minor: int
    sold_currency: str
    bought_currency: str
    rate: str
    reference: str


@in_transaction
def exchange(merchant: Merchant, asked: NewExchange, *, livemode: bool, made_by: str) -> Exchange:
    """Once per reference. ExchangeExceedsBalance above what could be paid out; InvalidRequest for what is no
    exchange, or another one under the same reference."""
    check_positive(asked.sold_minor, param="sold_minor")
    if not asked.reference:
        raise InvalidRequest(
            "An exchange needs a reference of yours, under which it is made once.", param="reference"
        )
    at = rate(asked.rate, sold=asked.sold_currency, bought=asked.bought_currency)
    bought = exchanged(asked.sold_minor, at)
    if not bought.amount_minor:
        raise InvalidRequest(
            f"{display(asked.sold_minor, asked.sold_currency)} buy nothing at {asked.rate}.",
            param="sold_minor",
        )
    row = Exchange(
        merchant=merchant,
        livemode=livemode,
        created_at=timezone.now(),
        reference=asked.reference,
        sold_minor=asked.sold_minor,
        sold_currency=asked.sold_currency,
        bought_minor=bought.amount_minor,
        bought_currency=asked.bought_currency,
        rate=at.quoted,
        rate_numerator=at.numerator,
        rate_denominator=at.denominator,
        rounding_minor=bought.rounding_minor,
        made_by=made_by,
    )
    # One exchanges at a time, so that a reference that is there is seen.
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    known = Exchange.objects.filter(merchant=merchant, livemode=livemode, reference=asked.reference).first()
    if known is not None:
        return _same(known, row)
    row.save(force_insert=True)
    _sell(row)
    _buy(row)
    return row


def _same(known: Exchange, asked: Exchange) -> Exchange:
    names = ("sold_minor", "sold_currency", "bought_minor", "bought_currency", "rate")
    if any(getattr(known, name) != getattr(asked, name) for name in names):
        raise InvalidRequest(
            f"Reference {known.reference} is taken by {known.public_id}: "
            f"{display(known.sold_minor, known.sold_currency)} for "
            f"{display(known.bought_minor, known.bought_currency)} at {known.rate}.",
            param="reference",
        )
    return known


def _sell(row: Exchange) -> None:
    """The ledger refuses what would overdraw, or touch the fixed reserve."""
    reserve_minor = lock_terms(row.merchant_id).reserve_fixed_minor
    set_limit(
        chart.merchant_available(row.merchant.public_id),
        row.sold_currency,
        livemode=row.livemode,
        max_balance_minor=-reserve_minor,
        kind="exchange_sold",
        merchant_id=row.merchant_id,
    )
    lines = bookings.exchange_sold(row.merchant.public_id, row.sold_currency, row.sold_minor)
    try:
        _book(row, "exchange_sold", lines, row.sold_currency, -row.sold_minor)
    except LimitExceeded as error:
        raise ExchangeExceedsBalance(
            asked_minor=row.sold_minor, available_minor=error.left_minor, currency=row.sold_currency
        ) from error


def _buy(row: Exchange) -> None:
    lines = bookings.exchange_bought(
        row.merchant.public_id, row.bought_currency, row.bought_minor, rounding_minor=row.rounding_minor
    )
    _book(row, "exchange_bought", lines, row.bought_currency, row.bought_minor)


def _book(row: Exchange, kind: str, lines: list[Line], currency: str, amount_minor: int) -> None:
    """Named after what it is, as `fx_…:sold`; and the merchant's view of it."""
    reference = f"{row.public_id}:{kind.removeprefix('exchange_')}"
    post(reference=reference, kind=kind, lines=lines, livemode=row.livemode, merchant_id=row.merchant_id)
    BalanceTransaction.objects.create(
        public_id=new_id("txn"),
        merchant_id=row.merchant_id,
        livemode=row.livemode,
        created_at=row.created_at,
        type=BalanceTransaction.Type.ADJUSTMENT,
        source=row.public_id,
        state=BalanceTransaction.State.AVAILABLE,
        amount_minor=amount_minor,
        currency=currency,
        available_on=row.created_at,
        exchange_rate=row.rate,
        ledger_reference=reference,
    )
