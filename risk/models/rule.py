"""Rules as data: what staff write, in versions that never change, each with its way from a draft to its end."""

import functools

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from core.ids import new_id
from risk.models.decision import Verdict


class Rule(models.Model):
    """What its versions have in common: whose payments it looks at, and its name. Both stay."""

    public_id = models.CharField(
        max_length=40, default=functools.partial(new_id, "rr"), editable=False, unique=True
    )
    name = models.CharField(max_length=80)
    livemode = models.BooleanField()
    # None: every merchant's payments.
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="risk_rules_have_names")]

    def __str__(self) -> str:
        return self.name


class RuleVersion(models.Model):
    """What a rule says from one change to the next. Only its state changes, and only forward: whoever wants an old
    text back writes it as a new version."""

    class State(models.TextChoices):
        """A draft is asked by nobody. In shadow its answers are written down with each decision; live ones decide."""

        DRAFT = "draft"
        SHADOW = "shadow"
        LIVE = "live"
        RETIRED = "retired"

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    expression = models.TextField()
    action = models.CharField(max_length=9, choices=Verdict.choices)
    state = FSMField(max_length=7, choices=State.choices, default=State.DRAFT, protected=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="versions_are_numbered"),
            models.UniqueConstraint(fields=["rule"], condition=Q(state="live"), name="one_version_is_live"),
            models.UniqueConstraint(
                fields=["rule"], condition=Q(state="shadow"), name="one_version_is_in_shadow"
            ),
            models.CheckConstraint(condition=~Q(expression=""), name="versions_say_something"),
        ]

    def __str__(self) -> str:
        return f"{self.rule}, version {self.number}"

    @transition(field=state, source=State.DRAFT, target=State.SHADOW)
    def watch(self) -> None: ...

    @transition(field=state, source=[State.DRAFT, State.SHADOW], target=State.LIVE)
    def enforce(self) -> None: ...

    @transition(field=state, source=[State.DRAFT, State.SHADOW, State.LIVE], target=State.RETIRED)
    def retire(self) -> None: ...


class RuleChange(models.Model):
    """Who brought a version into a state, and why. One for each, in the same transaction; append-only."""

    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="changes")
    state = models.CharField(max_length=7, choices=RuleVersion.State.choices)
    at = models.DateTimeField(db_default=Now())
    # Who, in words: a person, two people and their approval, or Tollgate itself.
    actor = models.CharField(max_length=400)
    reason = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "state"], name="states_are_reached_once"),
            models.CheckConstraint(
                condition=Q(actor__gt="", reason__gt=""), name="rules_change_by_somebody_for_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.state}"
