"""Payments, their attempts, and every call we make for them. States move forward only, here and in the
database; each move leaves a timeline row in the same transaction (migration 0002)."""

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text


class Owned(models.Model):
    """What every row carries: a public id, its merchant, its mode.

    The merchant's key is not a database constraint here: each check would lock the merchant's row in share
    mode, once per row. Intents keep the constraint, and everything else of a payment hangs on its intent.
    """

    public_id: "models.CharField[str, str]"
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    livemode = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.public_id


class PaymentIntent(Owned):
    """What a merchant wants paid, once. Each try at a processor is a Charge."""

    class State(models.TextChoices):
        REQUIRES_PAYMENT_METHOD = "requires_payment_method"
        REQUIRES_CONFIRMATION = "requires_confirmation"
        PROCESSING = "processing"
        REQUIRES_ACTION = "requires_action"
        REQUIRES_CAPTURE = "requires_capture"
        SUCCEEDED = "succeeded"
        CANCELED = "canceled"

    public_id = prefixed("pi")
    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.PROTECT, db_index=False)
    state = FSMField(max_length=24, choices=State.choices, default=State.PROCESSING, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    description = text(1000)
    metadata = models.JSONField(default=dict, db_default={})

    class Meta(Owned.Meta):
        constraints = [
            once("intent_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="intent_amount_is_positive"),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="intents_of_merchant"),
            by_day("intents_by_day"),
        ]

    @transition(field=state, source=[State.PROCESSING, State.REQUIRES_CAPTURE], target=State.SUCCEEDED)
    def succeed(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.REQUIRES_CAPTURE)
    def hold(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.REQUIRES_PAYMENT_METHOD)
    def fail(self) -> None: ...


class Charge(Owned):
    """One attempt at one processor. Refunded and settled are not states: they follow from their own rows."""

    class State(models.TextChoices):
        CREATED = "created"
        PROCESSING = "processing"
        AUTHORIZED = "authorized"
        CAPTURED = "captured"
        FAILED = "failed"

    public_id = prefixed("ch")
    payment_intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="charges")
    state = FSMField(max_length=16, choices=State.choices, default=State.CREATED, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # What was captured, set once with the capture.
    captured_minor = models.BigIntegerField(null=True)
    fee_minor = models.BigIntegerField(null=True)
    balance_transaction = models.CharField(max_length=40, null=True)
    processor = models.CharField(max_length=40)
    # The processor's own id of the authorization, and what its network said.
    processor_id = models.TextField(default="", db_default="", blank=True)
    authorization_code = text(40)
    network_transaction_id = text(100)
    source = models.CharField(max_length=60)
    payment_method = models.CharField(max_length=60)
    card_brand = text(20)
    card_last4 = text(4)
    card_exp_month = models.PositiveSmallIntegerField(null=True)
    card_exp_year = models.PositiveSmallIntegerField(null=True)
    card_fingerprint = text(64)
    card_funding = text(10)
    card_country = text(2)
    card_checks = models.JSONField(default=dict, db_default={})
    billing_details = models.JSONField(default=dict, db_default={})
    failure_code = text(60)
    decline_code = text(60)
    failure_message = text(500)
    description = text(1000)
    metadata = models.JSONField(default=dict, db_default={})
    receipt_email = text(320)
    statement_descriptor = text(22)
    statement_descriptor_suffix = text(22)

    class Meta(Owned.Meta):
        constraints = [
            once("charge_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="charge_amount_is_positive"),
            models.CheckConstraint(
                condition=models.Q(captured_minor=None)
                | models.Q(captured_minor__gt=0, captured_minor__lte=models.F("amount_minor")),
                name="captured_is_at_most_authorized",
            ),
            models.CheckConstraint(
                condition=models.Q(state="captured", captured_minor__isnull=False)
                | (~models.Q(state="captured") & models.Q(captured_minor=None)),
                name="captured_charges_say_how_much",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="charges_of_merchant"),
            by_day("charges_by_day"),
        ]

    @transition(field=state, source=State.CREATED, target=State.PROCESSING)
    def process(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.AUTHORIZED)
    def authorize(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.AUTHORIZED], target=State.CAPTURED)
    def capture(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.FAILED)
    def decline(self) -> None: ...


class Refund(Owned):
    """Money on its way back. `succeeded → failed` is forward: banks return refunds."""

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
    reason = text(40)
    metadata = models.JSONField(default=dict, db_default={})
    balance_transaction = models.CharField(max_length=40, null=True)
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
        ]

    @transition(field=state, source=State.PENDING, target=State.SUCCEEDED)
    def succeed(self) -> None: ...

    @transition(field=state, source=[State.PENDING, State.SUCCEEDED], target=State.FAILED)
    def fail(self) -> None: ...


class Operation(Owned):
    """One call to a processor, written before it is made. `public_id` is the processor's idempotency key.

    `next_attempt_at` is when the sweeper looks after an open one; null once the outcome is known.
    """

    class Kind(models.TextChoices):
        SALE = "sale"
        AUTHORIZE = "authorize"
        CAPTURE = "capture"
        REFUND = "refund"

    class State(models.TextChoices):
        PROCESSING = "processing"
        UNKNOWN = "unknown"
        SUCCEEDED = "succeeded"
        DECLINED = "declined"
        NOT_DONE = "not_done"

    OPEN = (State.PROCESSING, State.UNKNOWN)

    public_id = prefixed("op")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    payment_intent = models.ForeignKey(
        PaymentIntent, on_delete=models.PROTECT, related_name="operations", db_index=False
    )
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="operations")
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, related_name="operations", db_index=False
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

    class Meta(Owned.Meta):
        constraints = [
            once("operation_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["processing", "unknown"], next_attempt_at__isnull=False)
                | models.Q(state__in=["succeeded", "declined", "not_done"], next_attempt_at=None),
                name="open_operations_have_a_next_attempt",
            ),
            models.UniqueConstraint(
                fields=["charge"],
                condition=models.Q(state__in=["processing", "unknown"]) & ~models.Q(kind="refund"),
                name="one_open_operation_per_charge",
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
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @transition(field=state, source=[State.PROCESSING, State.UNKNOWN], target=State.SUCCEEDED)
    def succeed(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.UNKNOWN], target=State.DECLINED)
    def decline(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.UNKNOWN], target=State.NOT_DONE)
    def abandon(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.UNKNOWN)
    def doubt(self) -> None: ...


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


class TimelineEntry(models.Model):
    """What happened to a payment at one moment, by whom and why, with every state that it led to. Append-only."""

    payment_intent = models.ForeignKey(
        PaymentIntent, on_delete=models.PROTECT, related_name="timeline", db_index=False
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
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, null=True, db_index=False)
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, db_index=False)
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, null=True, db_index=False)
    intent_state = text(24)
    charge_state = text(16)
    refund_state = text(16)
    operation_state = text(16)
    data: Any = models.JSONField(default=dict, db_default={})

    class Meta:
        indexes = [models.Index(fields=["payment_intent", "id"], name="timeline_of_intent")]

    def __str__(self) -> str:
        return self.kind
