"""One row for each key that a merchant has used: who works on it, and the answer once there is one."""

from django.db import models
from django.db.models.functions import Now


class Claim(models.Model):
    """`answered_at` is null while the work runs. An answer, once kept, never changes (a trigger holds that)."""

    # No database constraint: its check would lock the merchant's row once per request.
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    livemode = models.BooleanField()
    key = models.CharField(max_length=255)
    # SHA-256 of path and canonical parameters: the same key must come with the same request.
    fingerprint = models.CharField(max_length=64)
    # The process at work (core.processes), empty when nobody is: a retry may then take over.
    owner = models.CharField(max_length=200, default="", db_default="")
    lease_until = models.DateTimeField()
    # The operation that this claim waits for; empty where no processor is called.
    operation = models.CharField(max_length=40, default="", db_default="")
    request_id = models.CharField(max_length=40)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "idempotency_claim"
        constraints = [
            models.UniqueConstraint(fields=["merchant", "livemode", "key"], name="one_claim_per_key"),
            models.CheckConstraint(
                condition=models.Q(answered_at=None, status=None, body=None)
                | models.Q(answered_at__isnull=False, status__isnull=False, body__isnull=False),
                name="an_answer_is_whole",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="claims_by_age")]

    def __str__(self) -> str:
        return self.key
