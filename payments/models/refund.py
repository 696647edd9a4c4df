"""Refund: money on its way back."""

from django.db import models
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text
from payments.models.charge import Charge
from payments.models.intent import PaymentIntent
from payments.models.owned import Owned


class Refund(Owned):
    """Money on its way back. `succeeded → failed` is forward: banks return refunds.

    One that `voids` sets free what an uncaptured charge holds: no money moves.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    public_id = prefixed("re")
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds")
    payment_intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="refunds")
    state = FSMField(max_length=16, choices=State.choices, default=State.PENDING, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    voids = models.BooleanField(default=False, db_default=False)
    # Whether what it takes stands on the merchant's available account, or on the pending one with its sale.
    from_available = models.BooleanField(default=False, db_default=False)
    reason = text(40)
    metadata = models.JSONField(default=dict, db_default={})
    balance_transaction = models.CharField(max_length=40, null=True)
    failure_balance_transaction = models.CharField(max_length=40, null=True)
    processor_id = models.TextField(default="", db_default="", blank=True)
    failure_reason = text(60)

    class Meta(Owned.Meta):
        constraints = [
            once("refund_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="refund_amount_is_positive"),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="refunds_of_merchant"),
            by_day("refunds_by_day"),
            models.Index(fields=["amount_minor"], name="refunds_by_amount"),
            # What is on its way back to cardholders, which is little.
            models.Index(
                fields=["merchant", "livemode"],
                condition=models.Q(state="pending", voids=False),
                name="refunds_under_way",
            ),
        ]

    @transition(field=state, source=State.PENDING, target=State.SUCCEEDED)
    def succeed(self) -> None: ...

    @transition(field=state, source=[State.PENDING, State.SUCCEEDED], target=State.FAILED)
    def fail(self) -> None: ...
