"""Operation: a call to a processor."""

from django.db import models
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text
from payments.models.charge import Charge
from payments.models.intent import PaymentIntent
from payments.models.owned import Owned
from payments.models.payout import Payout
from payments.models.refund import Refund


class Operation(Owned):
    """One call to a processor, written before it is made. `public_id` is the processor's idempotency key. It is of
    a charge and its intent, or of a payout.

    `next_attempt_at` is when the sweeper looks after an open one; null once the outcome is known.
    """

    class Kind(models.TextChoices):
        SALE = "sale"
        AUTHORIZE = "authorize"
        COMPLETE = "complete"
        CAPTURE = "capture"
        VOID = "void"
        REFUND = "refund"
        PAYOUT = "payout"

    class Cause(models.TextChoices):
        """Why a hold is given up, or money that nobody expected."""

        CANCELED = "canceled"
        REFUNDED = "refunded"
        EXPIRED = "expired"
        ABANDONED = "abandoned"
        LATE = "late"
        REJECTED = "rejected"

    class Shows(models.TextChoices):
        """What its caller is answered with."""

        CHARGE = "charge"
        REFUND = "refund"
        INTENT = "payment_intent"
        PAYOUT = "payout"

    class State(models.TextChoices):
        PROCESSING = "processing"
        UNKNOWN = "unknown"
        ACTION_REQUIRED = "action_required"
        SUCCEEDED = "succeeded"
        DECLINED = "declined"
        NOT_DONE = "not_done"

    OPEN = (State.PROCESSING, State.UNKNOWN)

    public_id = prefixed("op")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    cause = text(12)
    shows = models.CharField(max_length=16, choices=Shows.choices, default=Shows.CHARGE, db_default="charge")
    payment_intent = models.ForeignKey(
        PaymentIntent,
        on_delete=models.PROTECT,
        null=True,
        related_name="operations",
        db_index=False,
        db_constraint=False,
    )
    charge = models.ForeignKey(
        Charge, on_delete=models.PROTECT, null=True, related_name="operations", db_constraint=False
    )
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, related_name="operations", db_index=False
    )
    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, null=True, related_name="operations", db_index=False
    )
    state = FSMField(max_length=16, choices=State.choices, default=State.PROCESSING, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    processor = models.CharField(max_length=40)
    deadline_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    claim_id = models.BigIntegerField(null=True)
    request_id = text(40)
    idempotency_key = text(255)
    actor = text(100)
    # The processor's answer, redacted.
    answer = models.JSONField(null=True)
    finished_at = models.DateTimeField(null=True)
    # When looking it up by ourselves was not enough and a person was asked for.
    escalated_at = models.DateTimeField(null=True)

    class Meta(Owned.Meta):
        constraints = [
            once("operation_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["processing", "unknown"], next_attempt_at__isnull=False)
                | models.Q(
                    state__in=["action_required", "succeeded", "declined", "not_done"], next_attempt_at=None
                ),
                name="open_operations_have_a_next_attempt",
            ),
            models.UniqueConstraint(
                fields=["charge"],
                condition=models.Q(state__in=["processing", "unknown"]) & ~models.Q(kind="refund"),
                name="one_open_operation_per_charge",
            ),
            models.UniqueConstraint(
                fields=["payout"],
                condition=models.Q(payout__isnull=False),
                name="one_operation_per_payout",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="operations_due",
            ),
            by_day("operations_by_day"),
        ]

    @property
    def takes_money_of_card(self) -> bool:
        """Whether it needs the card itself, and the customer who waits; the others follow from what was agreed."""
        return self.kind in (self.Kind.SALE, self.Kind.AUTHORIZE)

    @property
    def holds_money(self) -> bool:
        """Whether money is in doubt while it is open: the ledger holds its amount until then."""
        return self.kind != self.Kind.VOID

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @transition(field=state, source=[State.PROCESSING, State.UNKNOWN], target=State.SUCCEEDED)
    def succeed(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.UNKNOWN], target=State.ACTION_REQUIRED)
    def hand_over(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.UNKNOWN], target=State.DECLINED)
    def decline(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.UNKNOWN], target=State.NOT_DONE)
    def abandon(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.UNKNOWN)
    def doubt(self) -> None: ...
