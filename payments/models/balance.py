"""BalanceTransaction."""

from django.db import models

from payments.fields import by_day, once, prefixed
from payments.models.owned import Owned


class BalanceTransaction(Owned):
    """The merchant's view of a booking: what it changed in their balance, and from when it can be paid out."""

    class Type(models.TextChoices):
        CHARGE = "charge"
        REFUND = "refund"
        REFUND_FAILURE = "refund_failure"

    public_id = prefixed("txn")
    type = models.CharField(max_length=20, choices=Type.choices)
    source = models.CharField(max_length=40)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0, db_default=0)
    currency = models.CharField(max_length=3)
    available_on = models.DateTimeField()
    # The reference of the ledger's transaction that booked it.
    ledger_reference = models.CharField(max_length=100)

    class Meta(Owned.Meta):
        constraints = [once("balance_transaction_once")]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="balances_of_merchant"),
            by_day("balances_by_day"),
        ]

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.fee_minor
