"""Review: a payment that is held until a person has looked at it."""

import functools

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from core.ids import new_id
from risk.models.decision import Decision
from risk.models.settings import RiskSettings


class Review(models.Model):
    """Opened with the authorization that it holds; while it is open nothing of that can be captured. It ends by a
    person, by its deadline, or because there is nothing left to decide on."""

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REJECTED = "rejected"
        # Nobody decided in time; `at_deadline` says what was done.
        EXPIRED = "expired"
        # Given up by its merchant, or by the card's bank.
        CLOSED = "closed"

    class ClosedReason(models.TextChoices):
        """Stripe's words."""

        APPROVED = "approved"
        REFUNDED = "refunded"
        REFUNDED_AS_FRAUD = "refunded_as_fraud"
        CANCELED = "canceled"

    public_id = models.CharField(
        max_length=40, default=functools.partial(new_id, "prv"), editable=False, unique=True
    )
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    livemode = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="reviews", db_index=False)
    # Public ids.
    charge = models.CharField(max_length=40)
    payment_intent = models.CharField(max_length=40)
    state = FSMField(max_length=8, choices=State.choices, default=State.OPEN, protected=True)
    # Whether the merchant asked for the money at once: then approval captures it, else they do.
    captures = models.BooleanField()
    due_at = models.DateTimeField()
    at_deadline = models.CharField(max_length=7, choices=RiskSettings.End.choices)
    # When beat ends it; null once it is ended.
    next_look_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_reason = models.CharField(
        max_length=20, choices=ClosedReason.choices, default="", db_default="", blank=True
    )
    closed_by = models.CharField(max_length=100, default="", db_default="", blank=True)
    note = models.CharField(max_length=500, default="", db_default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["charge"], name="one_review_per_charge"),
            models.CheckConstraint(
                condition=models.Q(state="open", next_look_at__isnull=False, closed_at=None, closed_reason="")
                | (
                    ~models.Q(state="open")
                    & models.Q(next_look_at=None, closed_at__isnull=False)
                    & ~models.Q(closed_reason="")
                ),
                name="open_reviews_have_a_deadline",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="reviews_of_merchant"),
            models.Index(
                fields=["next_look_at"],
                condition=models.Q(next_look_at__isnull=False),
                name="reviews_due",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @transition(field=state, source=State.OPEN, target=State.APPROVED)
    def approve(self) -> None: ...

    @transition(field=state, source=State.OPEN, target=State.REJECTED)
    def reject(self) -> None: ...

    @transition(field=state, source=State.OPEN, target=State.EXPIRED)
    def expire(self) -> None: ...

    @transition(field=state, source=State.OPEN, target=State.CLOSED)
    def close(self) -> None: ...
