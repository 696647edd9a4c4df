"""Brings an attempt's rows into memory: to look at, or locked, to end it."""

from payments.attempts import Attempt
from payments.models import Charge, Operation, PaymentIntent, Refund


def attempt_of(reference: str) -> Attempt:
    """The attempt of the operation with this public id, as it is now, unlocked."""
    operation = Operation.objects.select_related("charge", "payment_intent__merchant", "refund").get(
        public_id=reference
    )
    return assemble(operation, operation.charge, operation.payment_intent, operation.refund)


def lock_attempt(operation_id: int) -> Attempt:
    """The same, locked inside the caller's transaction: operation, charge, intent, refund, always in this order."""
    operation = Operation.objects.select_for_update(no_key=True).get(pk=operation_id)
    charge = Charge.objects.select_for_update(no_key=True).get(pk=operation.charge_id)
    intent = PaymentIntent.objects.select_for_update(no_key=True).get(pk=operation.payment_intent_id)
    refund = None
    if operation.refund_id is not None:
        refund = Refund.objects.select_for_update(no_key=True).get(pk=operation.refund_id)
    return assemble(operation, charge, intent, refund)


def assemble(operation: Operation, charge: Charge, intent: PaymentIntent, refund: Refund | None) -> Attempt:
    """The rows as one attempt, each pointing to the others in memory."""
    charge.payment_intent = intent
    operation.charge, operation.payment_intent, operation.refund = charge, intent, refund
    if refund is not None:
        refund.charge, refund.payment_intent = charge, intent
    merchant = intent.merchant
    return Attempt(
        operation=operation,
        charge=charge,
        intent=intent,
        refund=refund,
        merchant=merchant.public_id,
        fee_basis_points=merchant.fee_basis_points,
        fee_fixed_minor=merchant.fee_fixed_minor,
        settlement_days=merchant.settlement_days,
    )
