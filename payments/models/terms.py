"""Terms: what was agreed with a merchant about their money."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q


class Terms(models.Model):
    """When a merchant is paid out, what is held back, and how deep refunds may take them into debt. One without terms
    asks for payouts themselves, has no reserve, and may refund whatever was captured.

    Amounts are in the smallest unit of each currency. All of it holds from the next payout, refund or sale that
    becomes available on."""

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
    # Of each sale that becomes available, in hundredths of a percent; and for how many days it is held back.
    reserve_basis_points = models.PositiveIntegerField(
        default=0, db_default=0, validators=[MaxValueValidator(10_000)]
    )
    reserve_days = models.PositiveSmallIntegerField(
        default=90, db_default=90, validators=[MinValueValidator(1), MaxValueValidator(730)]
    )
    # So much of what is available can't be paid out.
    reserve_fixed_minor = models.PositiveBigIntegerField(default=0, db_default=0)
    # No refund takes what we owe them further below zero than this; null where there is no limit.
    debt_limit_minor = models.PositiveBigIntegerField(null=True, blank=True)
    # What a dispute costs this merchant, by currency: {"usd": 2000}. Other currencies cost what they cost everybody.
    dispute_fees: Any = models.JSONField(default=dict, db_default={}, blank=True)

    class Meta:
        verbose_name_plural = "terms"
        constraints = [
            models.CheckConstraint(
                condition=Q(payout_weekday__lte=6, payout_day__gte=1, payout_day__lte=31),
                name="payout_days_exist",
            ),
            models.CheckConstraint(
                condition=Q(reserve_basis_points__lte=10_000, reserve_days__gte=1, reserve_days__lte=730),
                name="reserves_are_a_share_for_some_days",
            ),
        ]

    def __str__(self) -> str:
        return f"terms of {self.merchant}"
