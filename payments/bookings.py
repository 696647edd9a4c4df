"""The money story: one function per business event, giving balanced ledger lines. Pure."""

from dataclasses import dataclass

from ledger.lines import Line, credit, debit
from payments import chart


@dataclass(frozen=True, slots=True)
class Money:
    """An amount at a place: integer minor units, ISO 4217 code, whose it is and who moves it."""

    amount_minor: int
    currency: str
    merchant: str
    processor: str


def sale_started(sale: Money) -> list[Line]:
    """We are about to ask the processor for money and don't know what it will say."""
    return [
        debit(chart.processor_unconfirmed(sale.processor), sale.currency, sale.amount_minor),
        credit(chart.merchant_unconfirmed(sale.merchant), sale.currency, sale.amount_minor),
    ]


def sale_confirmed(sale: Money, *, fee_minor: int, available: bool = False) -> list[Line]:
    """The processor took the money: it owes us the amount, we owe the merchant all but our fee, mostly from some
    days later on."""
    lines = [
        debit(chart.processor_clearing(sale.processor), sale.currency, sale.amount_minor),
        debit(chart.merchant_unconfirmed(sale.merchant), sale.currency, sale.amount_minor),
        credit(chart.processor_unconfirmed(sale.processor), sale.currency, sale.amount_minor),
    ]
    if sale.amount_minor > fee_minor:
        owed = _balance(sale.merchant, available=available)
        lines.append(credit(owed, sale.currency, sale.amount_minor - fee_minor))
    if fee_minor:
        lines.append(credit(chart.FEES_EARNED, sale.currency, fee_minor))
    return lines


def refund_started(refund: Money, *, from_available: bool) -> list[Line]:
    """The merchant gives money back: it leaves their balance now, where its sale stands; the processor's word is
    awaited."""
    return [
        debit(_balance(refund.merchant, available=from_available), refund.currency, refund.amount_minor),
        credit(chart.processor_refunds_unconfirmed(refund.processor), refund.currency, refund.amount_minor),
    ]


def refund_confirmed(refund: Money) -> list[Line]:
    """The processor paid it back: it owes us that much less."""
    return [
        debit(chart.processor_refunds_unconfirmed(refund.processor), refund.currency, refund.amount_minor),
        credit(chart.processor_clearing(refund.processor), refund.currency, refund.amount_minor),
    ]


def refund_returned(refund: Money, *, to_available: bool) -> list[Line]:
    """The cardholder's bank sent it back: the processor owes it to us again, and we to the merchant."""
    return [
        debit(chart.processor_clearing(refund.processor), refund.currency, refund.amount_minor),
        credit(_balance(refund.merchant, available=to_available), refund.currency, refund.amount_minor),
    ]


def became_available(merchant: str, currency: str, net_minor: int) -> list[Line]:
    """What was pending can be paid out from now on; a negative net, of a refund, is taken from that. No lines
    where there is nothing to move."""
    pending, available = chart.merchant_pending(merchant), chart.merchant_available(merchant)
    if net_minor > 0:
        return [debit(pending, currency, net_minor), credit(available, currency, net_minor)]
    if net_minor < 0:
        return [debit(available, currency, -net_minor), credit(pending, currency, -net_minor)]
    return []


def _balance(merchant: str, *, available: bool) -> str:
    return chart.merchant_available(merchant) if available else chart.merchant_pending(merchant)
