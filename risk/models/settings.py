"""RiskSettings: what a merchant wants done with verdicts."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class RiskSettings(models.Model):
    """Of a merchant in one mode. Without a row: enforced in live mode, only written down in test mode; payments are
    let through where something fails; a review has a day, and what nobody decided on is rejected."""

    class OnFault(models.TextChoices):
        """What becomes of a payment that can not be judged in time."""

        OPEN = "open", "Let it through"
        CLOSED = "closed", "Block it"
        REVIEW = "review", "Hold it for review"

    class End(models.TextChoices):
        APPROVE = "approve", "Approve"
        REJECT = "reject", "Reject"

    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.PROTECT, related_name="risk_settings")
    livemode = models.BooleanField()
    enforced = models.BooleanField()
    on_fault = models.CharField(
        max_length=6, choices=OnFault.choices, default=OnFault.OPEN, db_default="open"
    )
    # Shorter than any authorization lasts.
    review_hours = models.PositiveSmallIntegerField(
        default=24, db_default=24, validators=[MinValueValidator(1), MaxValueValidator(144)]
    )
    review_end = models.CharField(max_length=7, choices=End.choices, default=End.REJECT, db_default="reject")

    class Meta:
        verbose_name_plural = "risk settings"
        constraints = [
            models.UniqueConstraint(fields=["merchant", "livemode"], name="risk_settings_once"),
            models.CheckConstraint(
                condition=models.Q(review_hours__range=(1, 144)), name="reviews_take_hours_or_days"
            ),
        ]

    def __str__(self) -> str:
        return f"risk settings of {self.merchant}, {'live' if self.livemode else 'test'} mode"

    @classmethod
    def unless_said(cls, merchant_id: int, livemode: bool) -> "RiskSettings":
        """What holds where nothing is set."""
        return cls(merchant_id=merchant_id, livemode=livemode, enforced=livemode)
