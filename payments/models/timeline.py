"""TimelineEntry."""

from typing import Any

from django.db import models
from django.db.models.functions import Now

from payments.fields import text
from payments.models.charge import Charge
from payments.models.dispute import Dispute
from payments.models.intent import PaymentIntent
from payments.models.operation import Operation
from payments.models.payout import Payout
from payments.models.refund import Refund


class TimelineEntry(models.Model):
    """What happened to a payment or a payout at one moment, by whom and why, with every state that it led to.
    Append-only."""

    payment_intent = models.ForeignKey(
        PaymentIntent,
        on_delete=models.PROTECT,
        null=True,
        related_name="timeline",
        db_index=False,
        db_constraint=False,
    )
    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, null=True, related_name="timeline", db_index=False
    )
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    livemode = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=40)
    actor = text(100)
    reason = text(500)
    request_id = text(40)
    charge = models.ForeignKey(
        Charge, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, db_index=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, null=True, db_index=False)
    operation = models.ForeignKey(
        Operation, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    intent_state = text(24)
    charge_state = text(16)
    refund_state = text(16)
    payout_state = text(16)
    operation_state = text(16)
    dispute_state = text(24)
    data: Any = models.JSONField(default=dict, db_default={})

    class Meta:
        indexes = [
            models.Index(fields=["payment_intent", "id"], name="timeline_of_intent"),
            models.Index(
                fields=["payout", "id"], condition=models.Q(payout__isnull=False), name="timeline_of_payout"
            ),
        ]

    def __str__(self) -> str:
        return self.kind
