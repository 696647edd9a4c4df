"""What the console's one box finds of payments: each way is an index of its own, newest rows first."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Lower

from core.finding import MOST, Finder, Found, Term, register
from core.showing import money, page_url
from payments.models import BalanceTransaction, Charge, Dispute, Operation, PaymentIntent, Payout, Refund
from payments.showing import card_text, state_badge


def _of(amounts: Iterable[Any]) -> Q:
    where = Q()
    for amount in amounts:
        where |= Q(amount_minor=amount.minor, currency__in=sorted(amount.currencies))
    return where


def _newest(rows: QuerySet[Any], by: str) -> list[tuple[str, Any]]:
    return [(by, row) for row in rows.order_by("-pk")[:MOST]]


def _once(found: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The first way that found a row names what matched."""
    rows: dict[int, tuple[str, Any]] = {}
    for by, row in found:
        rows.setdefault(row.pk, (by, row))
    return list(rows.values())


def _charges(term: Term) -> list[Found]:
    rows = Charge.objects.select_related("merchant")
    ways: list[tuple[str, Any]] = []
    if term.prefix:
        ways += _newest(rows.filter(public_id=term.text), "id")
    if term.last4:
        ways += _newest(rows.filter(card_last4=term.last4), "card's last digits")
    if term.amounts:
        ways += _newest(rows.filter(_of(term.amounts)), "amount")
    if term.email:
        receipts = rows.exclude(receipt_email="").annotate(receipt=Lower("receipt_email"))
        ways += _newest(receipts.filter(receipt=term.email), "email")
        billed = rows.filter(billing_details__has_key="email").annotate(
            billed=Lower(KT("billing_details__email"))
        )
        ways += _newest(billed.filter(billed=term.email), "email")
    elif not term.amounts:
        ways += _newest(rows.exclude(card_fingerprint="").filter(card_fingerprint=term.text), "card")
    return [_charge(by, charge) for by, charge in _once(ways)]


def _charge(by: str, charge: Charge) -> Found:
    about = " · ".join(filter(None, [str(charge.merchant), card_text(charge), charge.description]))
    return _found(by, charge, about)


def _intents(term: Term) -> list[Found]:
    rows = PaymentIntent.objects.select_related("merchant")
    ways: list[tuple[str, Any]] = []
    if term.prefix:
        ways += _newest(rows.filter(public_id=term.text), "id")
    if term.word:
        ordered = rows.exclude(order_reference="").filter(order_reference=term.word)
        ways += _newest(ordered, "order reference")
    return [
        _found(by, row, " · ".join(filter(None, [str(row.merchant), row.order_reference, row.description])))
        for by, row in _once(ways)
    ]


def _with_amount(model: Any) -> Any:
    """Finds rows of the model by id and by amount."""

    def find(term: Term) -> list[Found]:
        rows = model.objects.select_related("merchant")
        ways = _newest(rows.filter(public_id=term.text), "id") if term.prefix else []
        if term.amounts:
            ways += _newest(rows.filter(_of(term.amounts)), "amount")
        return [_found(by, row, str(row.merchant)) for by, row in _once(ways)]

    return find


def _by_id(model: Any) -> Any:
    def find(term: Term) -> list[Found]:
        rows = model.objects.select_related("merchant")
        ways = _newest(rows.filter(public_id=term.text), "id") if term.prefix else []
        return [_found(by, row, str(row.merchant)) for by, row in ways]

    return find


def _found(by: str, row: Any, about: str) -> Found:
    return Found(
        title=row.public_id,
        url=page_url(row),
        by=by,
        about=about,
        amount=money(row.amount_minor, row.currency),
        state=state_badge(row.state),
        livemode=row.livemode,
        at=row.created_at,
    )


register(Finder("Payments", "payments.view_charge", _charges, 10))
register(Finder("Payment intents", "payments.view_paymentintent", _intents, 20))
register(Finder("Refunds", "payments.view_refund", _with_amount(Refund), 30))
register(Finder("Disputes", "payments.view_dispute", _with_amount(Dispute), 40))
register(Finder("Payouts", "payments.view_payout", _with_amount(Payout), 50))
register(Finder("Calls to processors", "payments.view_operation", _by_id(Operation), 70))
register(Finder("Balance transactions", "payments.view_balancetransaction", _by_id(BalanceTransaction), 80))
