"""Terms: what was agreed with a merchant about their money."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q


class Terms(models.Model):
    """When a merchant is paid out. One without terms asks for payouts themselves."""

    class Interval(models.TextChoices):
        MANUAL = "manual"
        DAILY = "daily"
        WEEKLY = "weekly"
        MONTHLY = "monthly"

    merchant = models.OneToOneField("merchants.Merchant", on_delete=models.PROTECT, related_name="terms")
    payout_interval = models.CharField(max_length=8, choices=Interval.choices, default=Interval.MANUAL)
    # Monday is 0. For weekly ones.
    payout_weekday = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(6)])
    # In shorter months their last day. For monthly ones.
    payout_day = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(31)]
    )
    # Less than this, in the smallest unit of each currency, waits for the next time.
    payout_minimum_minor = models.PositiveBigIntegerField(default=100)

    class Meta:
        verbose_name_plural = "terms"
        constraints = [
            models.CheckConstraint(
                condition=Q(payout_weekday__lte=6, payout_day__gte=1, payout_day__lte=31),
                name="payout_days_exist",
            ),
        ]

    def __str__(self) -> str:
        return f"terms of {self.merchant}"
