"""Decision: what was known of a payment, what every rule said of it, and what followed."""

from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now


class Verdict(models.TextChoices):
    """From the mildest to the hardest. Stored, so the words stay."""

    ALLOW = "allow", "Allow"
    CHALLENGE = "challenge", "Ask for 3-D Secure"
    REVIEW = "review", "Review by a person"
    BLOCK = "block", "Block"


class Decision(models.Model):
    """One for each attempt at a payment, written with it. Append-only, and whole: with its facts and the versions of
    its rules and model, the same verdict comes out again.

    An attempt that another processor takes over keeps its decision.
    """

    class Level(models.TextChoices):
        """Stripe's words."""

        NORMAL = "normal"
        ELEVATED = "elevated"
        HIGHEST = "highest"
        NOT_ASSESSED = "not_assessed"

    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    livemode = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())
    # Public ids of the attempt that was judged, and of its payment.
    charge = models.CharField(max_length=40)
    payment_intent = models.CharField(max_length=40)
    # The same for the same attempt, however often its request is repeated; see `risk/velocity.py`.
    once = models.CharField(max_length=24, default="", db_default="", blank=True)
    # Every input, as `risk/facts.py` has them: nested by group.
    facts: Any = models.JSONField()
    # Each rule that was asked: {"rule", "version", "action", "live", "matched"}, and "error" where it failed.
    results: Any = models.JSONField(default=list, db_default=[])
    # Each entry of a list that the payment is on: {"list", "item"}.
    lists: Any = models.JSONField(default=list, db_default=[])
    # 0 to 99; -1 where no model is live.
    score = models.SmallIntegerField(default=-1, db_default=-1)
    model = models.CharField(max_length=40, default="", db_default="", blank=True)
    # How results become a verdict; see `risk/engine.py`.
    engine = models.PositiveSmallIntegerField(default=1, db_default=1)
    # What the rules say, and what was done: where nothing is enforced, the payment was allowed.
    verdict = models.CharField(max_length=9, choices=Verdict.choices)
    effective = models.CharField(max_length=9, choices=Verdict.choices)
    enforced = models.BooleanField()
    level = models.CharField(max_length=12, choices=Level.choices, default=Level.NOT_ASSESSED)
    # The rule that decided, by its public id; empty where none did.
    rule = models.CharField(max_length=40, default="", db_default="", blank=True)
    reason = models.CharField(max_length=500, default="", db_default="", blank=True)
    # What could not be asked in time, and the merchant's declared way on; both empty where nothing was missing.
    fault = models.CharField(max_length=500, default="", db_default="", blank=True)
    on_fault = models.CharField(max_length=6, default="", db_default="", blank=True)
    took_microseconds = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(effective="allow", enforced=False)
                | models.Q(effective=models.F("verdict"), enforced=True),
                name="enforced_decisions_are_carried_out",
            ),
            models.CheckConstraint(condition=models.Q(score__range=(-1, 99)), name="scores_are_below_100"),
            models.CheckConstraint(
                condition=models.Q(fault="", on_fault="") | (~models.Q(fault="") & ~models.Q(on_fault="")),
                name="faults_name_what_was_declared",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "id"], name="decisions_of_merchant"),
            models.Index(
                fields=["verdict", "id"], condition=~models.Q(verdict="allow"), name="decisions_not_to_allow"
            ),
            # What a person looks for: what a rule has decided, and what could not be judged.
            models.Index(fields=["rule", "id"], condition=~models.Q(rule=""), name="decisions_by_rule"),
            models.Index(fields=["id"], condition=~models.Q(fault=""), name="decisions_with_a_fault"),
            BrinIndex(fields=["created_at"], autosummarize=True, name="decisions_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.charge}"
