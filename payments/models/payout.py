"""BankAccount and Payout: what we owe a merchant, on its way to them."""

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text
from payments.models.owned import Owned


class BankAccount(Owned):
    """Where a merchant's money of one currency goes. Its number stays; another account is another row."""

    public_id = prefixed("ba")
    holder = models.CharField(max_length=200)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    bank_name = text(100)
    routing_number = text(34)
    account_number = models.CharField(max_length=34)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(Owned.Meta):
        constraints = [
            once("bank_account_once"),
            models.UniqueConstraint(
                fields=["merchant", "livemode", "currency"],
                condition=Q(removed_at__isnull=True),
                name="one_bank_account_per_currency",
            ),
            models.CheckConstraint(
                condition=Q(account_number__regex="^[A-Z0-9]{4,34}$"), name="bank_account_number_is_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bank_name or self.country} …{self.last4}"

    @property
    def last4(self) -> str:
        return self.account_number[-4:]


class Payout(Owned):
    """Money on its way to a merchant's bank account. `paid → failed` is forward: banks return payouts.

    `pending` until a bank has taken it in; it can be canceled as long as nobody has asked one.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        IN_TRANSIT = "in_transit"
        PAID = "paid"
        FAILED = "failed"
        CANCELED = "canceled"

    public_id = prefixed("po")
    bank_account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="payouts")
    state = FSMField(max_length=16, choices=State.choices, default=State.PENDING, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # Of a payout on schedule: one a day for each currency.
    scheduled_on = models.DateField(null=True)
    description = text(500)
    statement_descriptor = text(22)
    metadata = models.JSONField(default=dict, db_default={})
    arrival_on = models.DateTimeField()
    balance_transaction = models.CharField(max_length=40)
    failure_balance_transaction = models.CharField(max_length=40, null=True)
    failure_code = text(60)
    processor = models.CharField(max_length=40)
    processor_id = models.TextField(default="", db_default="", blank=True)
    # When its processor is asked again what became of it; null where nothing more is expected.
    next_look_at = models.DateTimeField(null=True)

    class Meta(Owned.Meta):
        constraints = [
            once("payout_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payout_amount_is_positive"),
            models.UniqueConstraint(
                fields=["merchant", "livemode", "currency", "scheduled_on"],
                condition=Q(scheduled_on__isnull=False),
                name="one_scheduled_payout_a_day",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="payouts_of_merchant"),
            models.Index(
                fields=["next_look_at"], condition=Q(next_look_at__isnull=False), name="payouts_to_look_at"
            ),
            by_day("payouts_by_day"),
        ]

    @property
    def automatic(self) -> bool:
        return self.scheduled_on is not None

    @transition(field=state, source=State.PENDING, target=State.IN_TRANSIT)
    def send(self) -> None: ...

    @transition(field=state, source=[State.PENDING, State.IN_TRANSIT], target=State.PAID)
    def pay(self) -> None: ...

    @transition(field=state, source=[State.PENDING, State.IN_TRANSIT, State.PAID], target=State.FAILED)
    def fail(self) -> None: ...

    @transition(field=state, source=State.PENDING, target=State.CANCELED)
    def cancel(self) -> None: ...
