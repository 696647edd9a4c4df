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


def reserve_held(merchant: str, currency: str, held_minor: int) -> list[Line]:
    """A part of a sale that has just become available is held back."""
    return [
        debit(chart.merchant_available(merchant), currency, held_minor),
        credit(chart.merchant_reserved(merchant), currency, held_minor),
    ]


def reserve_released(merchant: str, currency: str, held_minor: int) -> list[Line]:
    """Its time is over: it can be paid out."""
    return [
        debit(chart.merchant_reserved(merchant), currency, held_minor),
        credit(chart.merchant_available(merchant), currency, held_minor),
    ]


def payout_started(payout: Money) -> list[Line]:
    """We are about to have the merchant's money sent to their bank: it leaves their balance now."""
    return [
        debit(chart.merchant_available(payout.merchant), payout.currency, payout.amount_minor),
        credit(chart.PAYOUTS_IN_TRANSIT, payout.currency, payout.amount_minor),
    ]


def payout_paid(payout: Money) -> list[Line]:
    """It arrived, so it has left our bank account, whose statement will say so."""
    return [
        debit(chart.PAYOUTS_IN_TRANSIT, payout.currency, payout.amount_minor),
        credit(chart.PAYOUTS_SENT, payout.currency, payout.amount_minor),
    ]


def payout_returned(payout: Money) -> list[Line]:
    """It had arrived, and the merchant's bank sent it back: we owe it to the merchant again."""
    return [
        debit(chart.PAYOUTS_SENT, payout.currency, payout.amount_minor),
        credit(chart.merchant_available(payout.merchant), payout.currency, payout.amount_minor),
    ]


def exchange_sold(merchant: str, currency: str, sold_minor: int) -> list[Line]:
    """The merchant sells us money of one currency."""
    return [
        debit(chart.merchant_available(merchant), currency, sold_minor),
        credit(chart.EXCHANGE_POSITION, currency, sold_minor),
    ]


def exchange_bought(merchant: str, currency: str, bought_minor: int, *, rounding_minor: int) -> list[Line]:
    """And gets money of another one for it, rounded down; what the position gives is rounded half up, and the unit
    between both, where there is one, is ours."""
    lines = [
        debit(chart.EXCHANGE_POSITION, currency, bought_minor + rounding_minor),
        credit(chart.merchant_available(merchant), currency, bought_minor),
    ]
    if rounding_minor:
        lines.append(credit(chart.EXCHANGE_ROUNDING, currency, rounding_minor))
    return lines


def _balance(merchant: str, *, available: bool) -> str:
    return chart.merchant_available(merchant) if available else chart.merchant_pending(merchant)


# What reports settle. Signed amounts: what comes to us is positive, refunds are negative.


@dataclass(frozen=True, slots=True)
class Settlement:
    """A line of a processor's report: what it brings, the fee that is agreed, and how much of it we are owed."""

    processor: str
    currency: str
    net_minor: int
    fee_minor: int
    owed_minor: int

    @property
    def suspense_minor(self) -> int:
        """What of it nobody can explain: debits minus credits."""
        return self.owed_minor - self.net_minor - self.fee_minor


def line_settled(line: Settlement) -> list[Line]:
    """The processor has sent the net, or taken it, and kept its fee: so much less is owed. What does not fit waits
    in suspense. No lines where nothing moves."""
    return _signed(
        line.currency,
        {
            chart.processor_in_transit(line.processor): line.net_minor,
            chart.FEES_PROCESSOR: line.fee_minor,
            chart.processor_clearing(line.processor): -line.owed_minor,
            chart.suspense(line.processor): line.suspense_minor,
        },
    )


def bank_line_arrived(source: str, currency: str, amount_minor: int, *, expected_minor: int) -> list[Line]:
    """Our bank has received what `source` had sent, or has paid what it asked for; what is beyond that waits."""
    return _bank_line(chart.processor_in_transit(source), currency, amount_minor, expected_minor)


def bank_paid_out(currency: str, amount_minor: int, *, expected_minor: int) -> list[Line]:
    """Our bank has paid a payout, or received it back when the amount is positive; what is beyond that waits."""
    return _bank_line(chart.PAYOUTS_SENT, currency, amount_minor, expected_minor)


def _bank_line(cleared: str, currency: str, amount_minor: int, expected_minor: int) -> list[Line]:
    return _signed(
        currency,
        {
            chart.BANK_MAIN: amount_minor,
            cleared: -expected_minor,
            chart.suspense("bank"): expected_minor - amount_minor,
        },
    )


def suspense_settled(source: str, currency: str, suspense_minor: int) -> list[Line]:
    """What waited is counted against what the processor owes us."""
    return _signed(
        currency,
        {chart.suspense(source): -suspense_minor, chart.processor_clearing(source): suspense_minor},
    )


def suspense_written_off(source: str, currency: str, suspense_minor: int) -> list[Line]:
    """What waited is our own loss, or our gain."""
    return _signed(
        currency, {chart.suspense(source): -suspense_minor, chart.RECONCILIATION_ADJUSTMENTS: suspense_minor}
    )


def claim_written_off(processor: str, currency: str, owed_minor: int) -> list[Line]:
    """The processor will never pay what our books say that it owes."""
    return _signed(
        currency,
        {chart.processor_clearing(processor): -owed_minor, chart.RECONCILIATION_ADJUSTMENTS: owed_minor},
    )


def bank_line_written_off(currency: str, expected_minor: int) -> list[Line]:
    """Our bank will never show the payout, or its return, that our books say it has made."""
    return _signed(
        currency,
        {chart.PAYOUTS_SENT: -expected_minor, chart.RECONCILIATION_ADJUSTMENTS: expected_minor},
    )


def bank_line_explained(source: str, currency: str, suspense_minor: int) -> list[Line]:
    """What our bank has received is what `source` says later that it had sent."""
    return _signed(
        currency,
        {chart.suspense("bank"): -suspense_minor, chart.processor_in_transit(source): suspense_minor},
    )


def _signed(currency: str, amounts: dict[str, int]) -> list[Line]:
    """Positive amounts are debits, negative ones credits, nothing is no line."""
    return [
        debit(address, currency, amount) if amount > 0 else credit(address, currency, -amount)
        for address, amount in amounts.items()
        if amount
    ]


# Disputes.


def dispute_opened(dispute: Money, *, fee_minor: int) -> list[Line]:
    """The cardholder's bank took the money back, so the processor owes us that much less; the merchant bears it,
    and our fee, even below zero."""
    lines = [
        debit(chart.merchant_available(dispute.merchant), dispute.currency, dispute.amount_minor + fee_minor),
        credit(chart.processor_clearing(dispute.processor), dispute.currency, dispute.amount_minor),
    ]
    if fee_minor:
        lines.append(credit(chart.FEES_DISPUTES, dispute.currency, fee_minor))
    return lines


def dispute_won(dispute: Money) -> list[Line]:
    """The bank gave it back: the processor owes it to us again, and we to the merchant. The fee stays paid."""
    return [
        debit(chart.processor_clearing(dispute.processor), dispute.currency, dispute.amount_minor),
        credit(chart.merchant_available(dispute.merchant), dispute.currency, dispute.amount_minor),
    ]
