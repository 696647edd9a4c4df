"""Where payments go: the rules that people write, and how each processor is doing. Neither holds money."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from payments.fields import text


def codes(length: int) -> "ArrayField[list[str], list[str]]":
    """A list of short words; empty means any."""
    return ArrayField(models.CharField(max_length=length), default=list, db_default=[], blank=True)


class RoutingRule(models.Model):
    """Which processors take which payments. The first enabled rule of a mode that fits decides.

    `targets` is a list of {"processor", "percent"}: the shares of the first choice, which sum to 100 (migration
    0004 holds that); and the list's order is the order in which the others follow when the first is out.
    """

    livemode = models.BooleanField()
    position = models.PositiveIntegerField()
    enabled = models.BooleanField(default=True)
    name = models.CharField(max_length=80)
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    currencies = codes(3)
    card_brands = codes(20)
    card_countries = codes(2)
    # Both included, in the smallest unit; null is open.
    amount_from_minor = models.BigIntegerField(null=True, blank=True)
    amount_to_minor = models.BigIntegerField(null=True, blank=True)
    targets: Any = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["livemode", "position"]
        constraints = [
            # Deferred, so that rules can change places.
            models.UniqueConstraint(
                fields=["livemode", "position"],
                name="one_rule_per_position",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(condition=models.Q(position__gte=1), name="rule_positions_begin_at_1"),
            models.CheckConstraint(condition=~models.Q(name=""), name="rules_have_names"),
            models.CheckConstraint(
                condition=models.Q(amount_from_minor=None) | models.Q(amount_from_minor__gte=0),
                name="rule_amounts_are_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_from_minor=None)
                | models.Q(amount_to_minor=None)
                | models.Q(amount_from_minor__lte=models.F("amount_to_minor")),
                name="rule_amounts_are_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_from_minor=None, amount_to_minor=None) | ~models.Q(currencies=[]),
                name="rule_amounts_have_a_currency",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProcessorHealth(models.Model):
    """The circuit breaker of one processor, shared by all processes and written only when its state changes.

    Open: it is left out until `open_until`. Half open: one payment tries it, and has until `open_until` to tell.
    `failures` is how often in a row it was opened; each doubles the wait. No row: closed, and always has been.
    """

    class State(models.TextChoices):
        CLOSED = "closed"
        OPEN = "open"
        HALF_OPEN = "half_open"

    processor = models.CharField(max_length=40, primary_key=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.CLOSED)
    since = models.DateTimeField(db_default=Now())
    open_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    last_reason = text(300)

    class Meta:
        verbose_name = "processor"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="closed", open_until=None, failures=0)
                | models.Q(state__in=["open", "half_open"], open_until__isnull=False, failures__gte=1),
                name="open_breakers_end",
            )
        ]

    def __str__(self) -> str:
        return self.processor
