"""The columns and indexes that the models of payments have in common."""

import functools

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from core.ids import new_id


def prefixed(prefix: str) -> "models.CharField[str, str]":
    return models.CharField(max_length=40, default=functools.partial(new_id, prefix), editable=False)


def once(name: str) -> models.UniqueConstraint:
    """Public ids do not repeat. A constraint, since `unique=True` would bring a second index for LIKE."""
    return models.UniqueConstraint(fields=["public_id"], name=name)


def by_day(name: str) -> BrinIndex:
    """For the console's days. Rows come in the order of time, so a summary per block is all it takes."""
    return BrinIndex(fields=["created_at"], autosummarize=True, name=name)


def text(length: int = 200) -> "models.CharField[str, str]":
    return models.CharField(max_length=length, default="", db_default="", blank=True)
