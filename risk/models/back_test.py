"""BackTest: a rule that is tried on payments that are past."""

import functools
from typing import Any

from django.db import models
from django.db.models.functions import Now

from core.ids import new_id
from risk.models.rule import RuleVersion


class BackTest(models.Model):
    """One version against the decisions of some days. Worked off in short steps, newest decisions first; `figures`
    are of what was looked at so far."""

    public_id = models.CharField(
        max_length=40, default=functools.partial(new_id, "rbt"), editable=False, unique=True
    )
    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="back_tests")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # Decisions from this one on, up to the one before which the next step begins.
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    next_before = models.BigIntegerField()
    done = models.BooleanField(default=False, db_default=False)
    figures: Any = models.JSONField(default=dict, db_default={})
    made_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.public_id
