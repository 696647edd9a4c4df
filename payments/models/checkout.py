"""CheckoutSession: a page of ours at which a cardholder pays one intent."""

from django.db import models
from django_fsm import FSMField, transition

from payments.fields import once, prefixed, text
from payments.models.intent import PaymentIntent
from payments.models.owned import Owned


class CheckoutSession(Owned):
    """What is sold, and where the cardholder goes from here. Its amount is its intent's, and the sum of its items."""

    class State(models.TextChoices):
        OPEN = "open"
        COMPLETE = "complete"
        EXPIRED = "expired"

    public_id = prefixed("cs")
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    payment_intent = models.OneToOneField(
        PaymentIntent, on_delete=models.PROTECT, related_name="checkout_session"
    )
    state = FSMField(max_length=8, choices=State.choices, default=State.OPEN, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # Of each: name, description, unit_minor, quantity.
    items = models.JSONField()
    success_url = text(2000)
    cancel_url = text(2000)
    customer_email = text(320)
    client_reference_id = text(200)
    # "" for the browser's own.
    locale = text(8)
    metadata = models.JSONField(default=dict)
    expires_at = models.DateTimeField()

    class Meta(Owned.Meta):
        constraints = [once("checkout_session_once")]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="checkouts_of_merchant"),
            models.Index(fields=["expires_at"], condition=models.Q(state="open"), name="open_checkouts"),
        ]

    @transition(field=state, source=State.OPEN, target=State.COMPLETE)
    def complete(self) -> None: ...

    @transition(field=state, source=State.OPEN, target=State.EXPIRED)
    def expire(self) -> None: ...
