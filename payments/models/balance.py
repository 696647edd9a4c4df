"""BalanceTransaction: what a merchant has."""

from django.db import models
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text
from payments.models.charge import Charge
from payments.models.owned import Owned
from payments.models.payout import Payout


class BalanceTransaction(Owned):
    """The merchant's view of a booking: what it changed in their balance, and from when it can be paid out.

    `state` says on which of the merchant's accounts it stands: all pending ones together are what the ledger has on
    their pending account, and likewise the reserved and the available ones, open refunds aside.
    """

    class Type(models.TextChoices):
        CHARGE = "charge"
        REFUND = "refund"
        REFUND_FAILURE = "refund_failure"
        PAYOUT = "payout"
        PAYOUT_FAILURE = "payout_failure"
        PAYOUT_CANCEL = "payout_cancel"
        ADJUSTMENT = "adjustment"
        RESERVE_HOLD = "reserve_hold"
        RESERVE_RELEASE = "reserve_release"

    class State(models.TextChoices):
        PENDING = "pending"
        RESERVED = "reserved"
        AVAILABLE = "available"

    public_id = prefixed("txn")
    type = models.CharField(max_length=20, choices=Type.choices)
    source = models.CharField(max_length=40)
    # The charge that it comes from, where there is one: under its lock it becomes available.
    charge = models.ForeignKey(
        Charge,
        on_delete=models.PROTECT,
        null=True,
        related_name="balance_transactions",
        db_constraint=False,
        db_index=False,
    )
    state = FSMField(max_length=16, choices=State.choices, default=State.PENDING, protected=True)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0, db_default=0)
    currency = models.CharField(max_length=3)
    available_on = models.DateTimeField()
    # What one unit of the sold currency bought, as it was quoted; empty where nothing was exchanged.
    exchange_rate = text(20)
    # The reference of the ledger's transaction that booked it.
    ledger_reference = models.CharField(max_length=100)
    # The payout on schedule that paid it out.
    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, null=True, related_name="paid_out", db_index=False
    )

    class Meta(Owned.Meta):
        constraints = [once("balance_transaction_once")]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="balances_of_merchant"),
            by_day("balances_by_day"),
            models.Index(
                fields=["available_on"], condition=~models.Q(state="available"), name="balances_to_come"
            ),
            models.Index(
                fields=["charge"], condition=~models.Q(state="available"), name="balances_to_come_of_charge"
            ),
            models.Index(
                fields=["payout"], condition=models.Q(payout__isnull=False), name="balances_of_payout"
            ),
        ]

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.fee_minor

    @transition(field=state, source=[State.PENDING, State.RESERVED], target=State.AVAILABLE)
    def become_available(self) -> None: ...
