"""ScoreModel: what was learned from payments that are past."""

import functools
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from core.ids import new_id


class ScoreModel(models.Model):
    """A trained model, for every merchant of a mode. Only its state changes, and only forward: another training is
    another model. Decisions name it, so it stays."""

    class State(models.TextChoices):
        """A live one gives each payment its score; one that was only trained is asked by nobody."""

        TRAINED = "trained"
        LIVE = "live"
        RETIRED = "retired"

    public_id = models.CharField(
        max_length=40, default=functools.partial(new_id, "rm"), editable=False, unique=True
    )
    livemode = models.BooleanField()
    state = FSMField(max_length=7, choices=State.choices, default=State.TRAINED, protected=True)
    # As `risk/trees.py` reads it, and as `risk/evaluation.py` does.
    content: Any = models.JSONField()
    evaluation: Any = models.JSONField()
    # How much each feature weighs in it, in words: together 1.
    weights: Any = models.JSONField()
    # What it learned from: how many payments, from when to when, and what was known of them at `known_at`.
    payments = models.PositiveIntegerField()
    frauds = models.PositiveIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    known_at = models.DateTimeField()
    # How old a payment had to be to count.
    mature_days = models.PositiveSmallIntegerField()
    # The evaluation's model learned what was known then, and was tried on what came after.
    tried_from = models.DateTimeField()
    trained_with = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["livemode"], condition=Q(state="live"), name="one_score_model_is_live"
            ),
            models.CheckConstraint(
                condition=Q(frauds__gt=0, frauds__lt=models.F("payments")),
                name="score_models_know_good_and_bad",
            ),
            models.CheckConstraint(
                condition=Q(first_at__lte=models.F("last_at"), last_at__lte=models.F("known_at")),
                name="score_models_learn_from_the_past",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @transition(field=state, source=State.TRAINED, target=State.LIVE)
    def enforce(self) -> None: ...

    @transition(field=state, source=[State.TRAINED, State.LIVE], target=State.RETIRED)
    def retire(self) -> None: ...


class ScoreModelChange(models.Model):
    """Who brought a model into a state, and why. One for each, in the same transaction; append-only."""

    model = models.ForeignKey(ScoreModel, on_delete=models.PROTECT, related_name="changes")
    state = models.CharField(max_length=7, choices=ScoreModel.State.choices)
    at = models.DateTimeField(db_default=Now())
    # Who, in words: a person, two people and their approval, or the command.
    actor = models.CharField(max_length=400)
    reason = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "state"], name="score_models_reach_states_once"),
            models.CheckConstraint(
                condition=Q(actor__gt="", reason__gt=""), name="score_models_change_by_somebody_for_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.state}"
