"""Brings an attempt's rows into memory: to look at, or locked, to end it."""

from payments import agreed
from payments.attempts import Attempt, PayoutAttempt, Undertaking
from payments.models import Charge, Operation, PaymentIntent, Payout, Refund


def undertaking_of(reference: str) -> Undertaking:
    """What the operation with this public id is about, as it is now, unlocked."""
    operation = Operation.objects.select_related(
        "charge__decision", "payment_intent__merchant", "refund", "payout__bank_account", "payout__merchant"
    ).get(public_id=reference)
    if operation.payout is not None:
        return of_payout(operation, operation.payout)
    assert operation.charge is not None and operation.payment_intent is not None
    return assemble(operation, operation.charge, operation.payment_intent, operation.refund)


def lock_undertaking(operation_id: int) -> Undertaking:
    """The same, locked inside the caller's transaction: operation, charge, intent, refund, always in this order;
    or operation, payout."""
    operation = Operation.objects.select_for_update(no_key=True).get(pk=operation_id)
    if operation.payout_id is not None:
        return of_payout(operation, Payout.objects.select_for_update(no_key=True).get(pk=operation.payout_id))
    assert operation.charge_id is not None and operation.payment_intent_id is not None
    charge = (
        Charge.objects.select_related("decision")
        .select_for_update(no_key=True, of=("self",))
        .get(pk=operation.charge_id)
    )
    intent = PaymentIntent.objects.select_for_update(no_key=True).get(pk=operation.payment_intent_id)
    refund = None
    if operation.refund_id is not None:
        refund = Refund.objects.select_for_update(no_key=True).get(pk=operation.refund_id)
    return assemble(operation, charge, intent, refund)


def lock_attempt(operation_id: int) -> Attempt:
    """The same, of an operation that belongs to a payment."""
    attempt = lock_undertaking(operation_id)
    assert isinstance(attempt, Attempt)
    return attempt


def of_payout(operation: Operation, payout: Payout) -> PayoutAttempt:
    operation.payout = payout
    return PayoutAttempt(operation=operation, payout=payout, merchant=payout.merchant.public_id)


def assemble(operation: Operation, charge: Charge, intent: PaymentIntent, refund: Refund | None) -> Attempt:
    """The rows as one attempt, each pointing to the others in memory."""
    charge.payment_intent = intent
    operation.charge, operation.payment_intent, operation.refund = charge, intent, refund
    if refund is not None:
        refund.charge, refund.payment_intent = charge, intent
    merchant = intent.merchant
    fees = agreed.fee_plan_of(charge.fee_plan_id, merchant.pk)
    charge.fee_plan_id = fees.id
    return Attempt(
        operation=operation,
        charge=charge,
        intent=intent,
        refund=refund,
        merchant=merchant.public_id,
        fees=fees,
        settlement_days=merchant.settlement_days,
        holds_reserve=agreed.holds_reserve(merchant.pk),
    )
