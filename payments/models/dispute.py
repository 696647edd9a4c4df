"""Dispute: a cardholder who asks their own bank for the money."""

from typing import Any

from django.db import models
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text
from payments.models.charge import Charge
from payments.models.intent import PaymentIntent
from payments.models.owned import Owned


class Dispute(Owned):
    """A cardholder's complaint at their bank, as the charge's processor reports it, and what we answer.

    An inquiry (`warning_…`) only asks; a dispute has taken the money already and gives it back when it is won. What
    staff or the merchant want done is `wanted` until the processor has confirmed it; `next_look_at` is when beat
    asks the processor about it, and null once it has ended.
    """

    class State(models.TextChoices):
        WARNING_NEEDS_RESPONSE = "warning_needs_response"
        WARNING_UNDER_REVIEW = "warning_under_review"
        WARNING_CLOSED = "warning_closed"
        NEEDS_RESPONSE = "needs_response"
        UNDER_REVIEW = "under_review"
        WON = "won"
        LOST = "lost"

    class Wanted(models.TextChoices):
        SUBMIT = "submit"
        ACCEPT = "accept"

    ANSWERABLE = (State.WARNING_NEEDS_RESPONSE, State.NEEDS_RESPONSE)
    ENDED = (State.WARNING_CLOSED, State.WON, State.LOST)
    # While it is in one of these, or after the last, the money is not the merchant's to give back.
    REFUSES_REFUNDS = (State.NEEDS_RESPONSE, State.UNDER_REVIEW, State.LOST)

    public_id = prefixed("dp")
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="disputes")
    payment_intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="disputes")
    state = FSMField(max_length=24, choices=State.choices, default=State.NEEDS_RESPONSE, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = text(60)
    network_reason_code = text(20)
    processor = models.CharField(max_length=40)
    processor_id = models.TextField()
    due_by = models.DateTimeField(null=True)
    # What we say to it, by Stripe's field names.
    evidence: Any = models.JSONField(default=dict, db_default={})
    metadata = models.JSONField(default=dict, db_default={})
    submissions = models.PositiveIntegerField(default=0, db_default=0)
    # Set when the money leaves, and when it comes back.
    fee_minor = models.BigIntegerField(null=True)
    balance_transaction = models.CharField(max_length=40, null=True)
    reversal_balance_transaction = models.CharField(max_length=40, null=True)
    wanted = text(8)
    # What the processor knows the wanted order by: repeated, it is done once.
    wanted_reference = text(64)
    # Whose answer waits for that; null where nobody's does.
    claim_id = models.BigIntegerField(null=True)
    next_look_at = models.DateTimeField(null=True)
    looks = models.PositiveIntegerField(default=0, db_default=0)
    # Of how many days before the deadline somebody was reminded last.
    reminded_days = models.PositiveSmallIntegerField(null=True)

    class Meta(Owned.Meta):
        permissions = [("accept_dispute", "Can give a dispute up")]
        constraints = [
            once("dispute_once"),
            models.UniqueConstraint(fields=["processor", "processor_id"], name="dispute_is_booked_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="dispute_amount_is_positive"),
            models.CheckConstraint(
                condition=models.Q(fee_minor=None) | models.Q(fee_minor__gte=0),
                name="dispute_fee_is_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__startswith="warning_",
                    fee_minor=None,
                    balance_transaction=None,
                    reversal_balance_transaction=None,
                )
                | models.Q(
                    state="won",
                    fee_minor__isnull=False,
                    balance_transaction__isnull=False,
                    reversal_balance_transaction__isnull=False,
                )
                | models.Q(
                    state__in=["needs_response", "under_review", "lost"],
                    fee_minor__isnull=False,
                    balance_transaction__isnull=False,
                    reversal_balance_transaction=None,
                ),
                name="disputed_money_is_booked",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["warning_closed", "won", "lost"], next_look_at=None, wanted="")
                | (
                    ~models.Q(state__in=["warning_closed", "won", "lost"])
                    & models.Q(next_look_at__isnull=False)
                ),
                name="open_disputes_are_looked_after",
            ),
            models.CheckConstraint(
                condition=models.Q(wanted="", wanted_reference="")
                | (models.Q(wanted__in=["submit", "accept"]) & ~models.Q(wanted_reference="")),
                name="wanted_orders_have_a_reference",
            ),
            models.CheckConstraint(
                condition=models.Q(claim_id=None) | ~models.Q(wanted=""),
                name="only_wanted_orders_have_a_claim",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="disputes_of_merchant"),
            models.Index(
                fields=["next_look_at"],
                condition=models.Q(next_look_at__isnull=False),
                name="disputes_due",
            ),
            models.Index(
                fields=["due_by"],
                condition=models.Q(state__in=["warning_needs_response", "needs_response"]),
                name="disputes_by_deadline",
            ),
            by_day("disputes_by_day"),
        ]

    @property
    def is_inquiry(self) -> bool:
        return bool(self.state.startswith("warning_"))

    @property
    def is_open(self) -> bool:
        return self.state not in self.ENDED

    def want_nothing(self) -> None:
        self.wanted = self.wanted_reference = ""
        self.claim_id = None

    @transition(field=state, source=State.WARNING_NEEDS_RESPONSE, target=State.WARNING_UNDER_REVIEW)
    def review_inquiry(self) -> None: ...

    @transition(
        field=state,
        source=[State.WARNING_NEEDS_RESPONSE, State.WARNING_UNDER_REVIEW],
        target=State.WARNING_CLOSED,
    )
    def close_inquiry(self) -> None: ...

    @transition(
        field=state,
        source=[State.WARNING_NEEDS_RESPONSE, State.WARNING_UNDER_REVIEW],
        target=State.NEEDS_RESPONSE,
    )
    def escalate(self) -> None: ...

    @transition(field=state, source=State.NEEDS_RESPONSE, target=State.UNDER_REVIEW)
    def review(self) -> None: ...

    @transition(field=state, source=State.UNDER_REVIEW, target=State.WON)
    def win(self) -> None: ...

    @transition(field=state, source=[State.NEEDS_RESPONSE, State.UNDER_REVIEW], target=State.LOST)
    def lose(self) -> None: ...
