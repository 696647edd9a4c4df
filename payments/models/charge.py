"""Charge: an attempt at a payment."""

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text
from payments.models.fee_plan import FeePlan
from payments.models.intent import PaymentIntent
from payments.models.owned import Owned
from risk.models import Decision, Verdict


class Charge(Owned):
    """One attempt at one processor. Refunded and settled are not states: they follow from their own rows."""

    class State(models.TextChoices):
        CREATED = "created"
        PROCESSING = "processing"
        REQUIRES_ACTION = "requires_action"
        AUTHORIZED = "authorized"
        CAPTURED = "captured"
        FAILED = "failed"
        VOIDED = "voided"
        EXPIRED = "expired"

    public_id = prefixed("ch")
    payment_intent = models.ForeignKey(
        PaymentIntent, on_delete=models.PROTECT, related_name="charges", db_constraint=False
    )
    state = FSMField(max_length=16, choices=State.choices, default=State.CREATED, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # What was captured, set once with the capture.
    captured_minor = models.BigIntegerField(null=True)
    fee_minor = models.BigIntegerField(null=True)
    # What prices it, whenever it is captured; null where it began before there were plans.
    fee_plan = models.ForeignKey(
        FeePlan, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    balance_transaction = models.CharField(max_length=40, null=True)
    # What was decided before anybody was asked; null where it began before there were decisions.
    decision = models.ForeignKey(
        Decision, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    # The public id of the review that holds it, or held it.
    review = text(40)
    # Empty where it was blocked: nobody was asked.
    processor = models.CharField(max_length=40)
    # The processor's own id of the authorization, and what its network said.
    processor_id = models.TextField(default="", db_default="", blank=True)
    # Where the cardholder proves who they are, and until when.
    redirect_url = text(2000)
    action_until = models.DateTimeField(null=True)
    # Until when what is held may be captured; null until something is held.
    capture_before = models.DateTimeField(null=True)
    # When beat looks after a charge that waits, for its cardholder or for its capture.
    next_look_at = models.DateTimeField(null=True)
    # The failed attempt that turned out to have taken money after all: this row books that money.
    late_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="late_successes",
        db_constraint=False,
        db_index=False,
    )
    authorization_code = text(40)
    network_transaction_id = text(100)
    # Whether a cardholder ever disputed it; the database sets it with the first dispute.
    disputed = models.BooleanField(default=False, db_default=False, editable=False)
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
            models.UniqueConstraint(
                fields=["late_of"],
                condition=models.Q(late_of__isnull=False),
                name="late_success_is_booked_once",
            ),
            models.CheckConstraint(
                condition=models.Q(next_look_at=None) | models.Q(state__in=["requires_action", "authorized"]),
                name="waiting_charges_only_are_looked_after",
            ),
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
            models.Index(
                fields=["next_look_at"],
                condition=models.Q(next_look_at__isnull=False),
                name="charges_due",
            ),
            # For whoever searches in the console. What they hold hardly ever changes, so updates leave them
            # alone. Those of emails have the id too: the planner does not know how often one occurs, and
            # would look for the newest first along the primary key.
            models.Index(fields=["amount_minor"], name="charges_by_amount"),
            models.Index(fields=["card_last4"], name="charges_by_last4"),
            models.Index(
                fields=["card_fingerprint"], condition=~models.Q(card_fingerprint=""), name="charges_by_card"
            ),
            models.Index(
                Lower("receipt_email"),
                "id",
                condition=~models.Q(receipt_email=""),
                name="charges_by_receipt_email",
            ),
            models.Index(
                Lower(KT("billing_details__email")),
                "id",
                condition=models.Q(billing_details__has_key="email"),
                name="charges_by_billing_email",
            ),
        ]

    @property
    def was_held(self) -> bool:
        """Whether an authorization succeeded, whatever became of it."""
        return self.capture_before is not None

    @property
    def effective(self) -> str:
        """What was done about it before anybody was asked."""
        return self.decision.effective if self.decision else Verdict.ALLOW

    @property
    def takes_at_once(self) -> bool:
        """Whether its money is taken with the authorization: not before a person has looked where one must."""
        return self.payment_intent.takes_at_once and self.effective != Verdict.REVIEW

    @transition(field=state, source=[State.CREATED, State.REQUIRES_ACTION], target=State.PROCESSING)
    def process(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.REQUIRES_ACTION)
    def ask(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.AUTHORIZED)
    def authorize(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.AUTHORIZED], target=State.CAPTURED)
    def capture(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.REQUIRES_ACTION], target=State.FAILED)
    def decline(self) -> None: ...

    @transition(field=state, source=[State.REQUIRES_ACTION, State.AUTHORIZED], target=State.VOIDED)
    def void(self) -> None: ...

    @transition(field=state, source=State.AUTHORIZED, target=State.EXPIRED)
    def expire(self) -> None: ...
