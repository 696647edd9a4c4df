"""PaymentIntent: what is to be paid. Its states are Stripe's, since merchants' code reads them."""

from django.db import models
from django_fsm import FSMField, transition

from payments.fields import by_day, once, prefixed, text
from payments.models.owned import Owned

# Money is taken, held, or may be: another payment of the same order would be one too many.
BINDING = ["processing", "requires_action", "requires_capture", "succeeded"]


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

    # Nothing is under way: what it is about may still be changed.
    EDITABLE = (State.REQUIRES_PAYMENT_METHOD, State.REQUIRES_CONFIRMATION)

    public_id = prefixed("pi")
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    state = FSMField(max_length=24, choices=State.choices, default=State.PROCESSING, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # Made by POST /v1/charges, whose caller never asked for an intent: it makes no events of its own.
    implicit = models.BooleanField(default=False, db_default=False)
    capture_method = models.CharField(max_length=16, default="automatic", db_default="automatic")
    # What the vault knows the card by, and the id that is shown for it.
    source = text(60)
    payment_method = text(60)
    client_secret = text(100)
    # The merchant's own order, and the same again while this intent is binding: that is what is unique. Two
    # columns, since an index over `state` would make every change of every intent dearer.
    order_reference = text(255)
    order_held = models.CharField(max_length=255, null=True)
    return_url = text(2000)
    description = text(1000)
    metadata = models.JSONField(default=dict, db_default={})
    receipt_email = text(320)
    statement_descriptor = text(22)
    statement_descriptor_suffix = text(22)
    shipping = models.JSONField(null=True)
    # What else was asked for and is shown as it came, by its wire name.
    options = models.JSONField(default=dict, db_default={})
    canceled_at = models.DateTimeField(null=True)
    cancellation_reason = text(40)

    class Meta(Owned.Meta):
        constraints = [
            once("intent_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="intent_amount_is_positive"),
            models.CheckConstraint(
                condition=models.Q(order_reference="", order_held=None)
                | (
                    ~models.Q(order_reference="")
                    & (
                        models.Q(
                            state__in=BINDING,
                            order_held__isnull=False,
                            order_held=models.F("order_reference"),
                        )
                        | (~models.Q(state__in=BINDING) & models.Q(order_held=None))
                    )
                ),
                name="binding_intents_hold_their_order",
            ),
            models.UniqueConstraint(
                fields=["merchant", "livemode", "order_held"],
                condition=models.Q(order_held__isnull=False),
                name="order_is_paid_once",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="intents_of_merchant"),
            by_day("intents_by_day"),
            models.Index(
                fields=["order_reference"], condition=~models.Q(order_reference=""), name="intents_by_order"
            ),
        ]

    @property
    def takes_at_once(self) -> bool:
        """Whether its charges are captured with the authorization."""
        return self.capture_method != "manual"

    @transition(field=state, source=State.REQUIRES_PAYMENT_METHOD, target=State.REQUIRES_CONFIRMATION)
    def equip(self) -> None: ...

    @transition(field=state, source=State.REQUIRES_CONFIRMATION, target=State.REQUIRES_PAYMENT_METHOD)
    def strip(self) -> None: ...

    @transition(field=state, source=[*EDITABLE, State.REQUIRES_ACTION], target=State.PROCESSING)
    def process(self) -> None:
        self.order_held = self.order_reference or None

    @transition(field=state, source=State.PROCESSING, target=State.REQUIRES_ACTION)
    def ask(self) -> None: ...

    @transition(field=state, source=[State.PROCESSING, State.REQUIRES_CAPTURE], target=State.SUCCEEDED)
    def succeed(self) -> None: ...

    @transition(field=state, source=State.PROCESSING, target=State.REQUIRES_CAPTURE)
    def hold(self) -> None: ...

    @transition(
        field=state, source=[State.PROCESSING, State.REQUIRES_ACTION], target=State.REQUIRES_PAYMENT_METHOD
    )
    def fail(self) -> None:
        self.order_held = None

    @transition(
        field=state,
        source=[*EDITABLE, State.REQUIRES_ACTION, State.REQUIRES_CAPTURE],
        target=State.CANCELED,
    )
    def cancel(self) -> None:
        self.order_held = None
