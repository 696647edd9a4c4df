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


def sale_confirmed(sale: Money, *, fee_minor: int) -> list[Line]:
    """The processor took the money: it owes us the amount, we owe the merchant all but our fee."""
    lines = [
        debit(chart.processor_clearing(sale.processor), sale.currency, sale.amount_minor),
        debit(chart.merchant_unconfirmed(sale.merchant), sale.currency, sale.amount_minor),
        credit(chart.processor_unconfirmed(sale.processor), sale.currency, sale.amount_minor),
    ]
    if sale.amount_minor > fee_minor:
        lines.append(
            credit(chart.merchant_pending(sale.merchant), sale.currency, sale.amount_minor - fee_minor)
        )
    if fee_minor:
        lines.append(credit(chart.FEES_EARNED, sale.currency, fee_minor))
    return lines


def refund_started(refund: Money) -> list[Line]:
    """The merchant gives money back: it leaves their balance now, the processor's word is awaited."""
    return [
        debit(chart.merchant_pending(refund.merchant), refund.currency, refund.amount_minor),
        credit(chart.processor_refunds_unconfirmed(refund.processor), refund.currency, refund.amount_minor),
    ]


def refund_confirmed(refund: Money) -> list[Line]:
    """The processor paid it back: it owes us that much less."""
    return [
        debit(chart.processor_refunds_unconfirmed(refund.processor), refund.currency, refund.amount_minor),
        credit(chart.processor_clearing(refund.processor), refund.currency, refund.amount_minor),
    ]


def refund_returned(refund: Money) -> list[Line]:
    """The cardholder's bank sent it back: the processor owes it to us again, and we to the merchant."""
    return [
        debit(chart.processor_clearing(refund.processor), refund.currency, refund.amount_minor),
        credit(chart.merchant_pending(refund.merchant), refund.currency, refund.amount_minor),
    ]
