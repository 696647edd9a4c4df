"""Which merchants want their customers to get receipts by email, and what became of each receipt."""

import functools

from django.db import models
from django.db.models.functions import Now

from core.ids import new_id


class ReceiptSetting(models.Model):
    """What a merchant wants. Without a row no receipts are sent."""

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        GERMAN = "de", "Deutsch"

    merchant = models.OneToOneField("merchants.Merchant", on_delete=models.PROTECT, related_name="receipts")
    enabled = models.BooleanField("send receipts", default=False, db_default=False)
    language = models.CharField(
        max_length=2, choices=Language.choices, default=Language.ENGLISH, db_default=Language.ENGLISH
    )
    # Real customers are not in test mode, but what the merchant's developers write there may be addresses.
    test_mode = models.BooleanField("in test mode too", default=False, db_default=False)
    # The merchant's events are dealt with up to here, by their `position`.
    position = models.BigIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        db_table = "receipts_setting"

    def __str__(self) -> str:
        return f"Receipts of {self.merchant}"


class Receipt(models.Model):
    """One email about one charge or refund: made once, sent under one Message-ID."""

    class Kind(models.TextChoices):
        PAYMENT = "payment"
        REFUND = "refund"

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"
        # Taken by our mail server, and refused by a later one.
        BOUNCED = "bounced"

    public_id = models.TextField(default=functools.partial(new_id, "rcpt"))
    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.PROTECT, db_index=False)
    livemode = models.BooleanField()
    kind = models.CharField(max_length=7, choices=Kind.choices)
    # The charge itself, or the refund.
    object_id = models.TextField()
    charge = models.ForeignKey("payments.Charge", on_delete=models.PROTECT, related_name="+")
    email = models.TextField()
    language = models.CharField(max_length=2, choices=ReceiptSetting.Language.choices)
    # As it was when the event was recorded.
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(
        max_length=7, choices=State.choices, default=State.PENDING, db_default=State.PENDING
    )
    failures = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, db_default=Now())
    # While a sender is at work.
    lease_until = models.DateTimeField(null=True)
    give_up_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "receipts_receipt"
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="receipt_ids_are_unique"),
            models.UniqueConstraint(fields=["object_id", "kind"], name="one_receipt_per_object_and_kind"),
            models.CheckConstraint(
                condition=models.Q(state="pending", next_attempt_at__isnull=False)
                | models.Q(state__in=["sent", "failed", "bounced"], next_attempt_at=None),
                name="pending_receipts_have_a_due_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["sent", "bounced"], sent_at__isnull=False)
                | models.Q(state__in=["pending", "failed"], sent_at=None),
                name="sent_receipts_say_when",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="receipts_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} receipt {self.public_id}"
