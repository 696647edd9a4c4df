"""Lists of cards, people and places that rules ask for, and who is on them, since when, until when and why."""

import functools
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from core.ids import new_id


class ItemType(models.TextChoices):
    """Stripe's words, and one of ours."""

    CARD = "card_fingerprint", "Cards"
    BIN = "card_bin", "BINs"
    EMAIL = "email", "Emails"
    DOMAIN = "email_domain", "Email domains"
    IP = "ip_address", "IP addresses and ranges"
    COUNTRY = "country", "Countries of cards"
    TEXT = "string", "Any of these"
    EXACT_TEXT = "case_sensitive_string", "Any of these, as they are spelled"


class ValueList(models.Model):
    """A rule asks for it as `lists.<key>`. Lists of one key, everybody's and a merchant's own, are asked together."""

    class State(models.TextChoices):
        ACTIVE = "active"
        DELETED = "deleted"

    class FilledBy(models.TextChoices):
        NOBODY = "", "By hand only"
        FRAUD_DISPUTES = "fraud_disputes", "By hand, and by disputes for fraud"

    public_id = models.CharField(
        max_length=40, default=functools.partial(new_id, "rsl"), editable=False, unique=True
    )
    # None: of the gateway, for every merchant's payments, and shown to none of them.
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    livemode = models.BooleanField()
    key = models.CharField(max_length=60)
    name = models.CharField(max_length=80)
    item_type = models.CharField(max_length=21, choices=ItemType.choices)
    filled_by = models.CharField(
        max_length=14, choices=FilledBy.choices, default=FilledBy.NOBODY, db_default="", blank=True
    )
    # How long what it is filled with stays.
    fill_days = models.PositiveSmallIntegerField(default=180, db_default=180)
    metadata: Any = models.JSONField(default=dict, db_default={})
    state = FSMField(max_length=7, choices=State.choices, default=State.ACTIVE, protected=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "livemode", "key"],
                condition=Q(state="active"),
                nulls_distinct=False,
                name="a_key_is_one_list",
            ),
            models.CheckConstraint(
                condition=Q(key__regex=r"^[a-z][a-z0-9_]*$") & ~Q(name="") & ~Q(created_by=""),
                name="lists_have_keys_and_names",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @transition(field=state, source=State.ACTIVE, target=State.DELETED)
    def delete_list(self) -> None: ...


class ValueListItem(models.Model):
    """An entry of a list. It never changes: it is taken off, and stays with who took it off and why."""

    class State(models.TextChoices):
        ACTIVE = "active"
        REMOVED = "removed"

    public_id = models.CharField(
        max_length=40, default=functools.partial(new_id, "rsli"), editable=False, unique=True
    )
    value_list = models.ForeignKey(ValueList, on_delete=models.PROTECT, related_name="items")
    # Whose payments it is about; None: everybody's.
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    livemode = models.BooleanField()
    # As it was written, and what all its spellings have in common.
    value = models.CharField(max_length=320)
    match = models.CharField(max_length=320)
    reason = models.CharField(max_length=500)
    added_by = models.CharField(max_length=150)
    # What put it there, where nobody did: a dispute's id.
    source = models.CharField(max_length=40, default="", db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    # From then on it says nothing.
    expires_at = models.DateTimeField(null=True, blank=True)
    state = FSMField(max_length=7, choices=State.choices, default=State.ACTIVE, protected=True)
    removed_at = models.DateTimeField(null=True)
    removed_by = models.CharField(max_length=150, default="", db_default="", blank=True)
    removed_reason = models.CharField(max_length=500, default="", db_default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["value_list", "match", "merchant"],
                condition=Q(state="active"),
                nulls_distinct=False,
                name="on_a_list_once",
            ),
            models.CheckConstraint(
                condition=~Q(value="") & ~Q(match="") & ~Q(reason="") & ~Q(added_by=""),
                name="items_are_there_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="active", removed_at=None, removed_by="", removed_reason="")
                | (Q(state="removed", removed_at__isnull=False) & ~Q(removed_by="") & ~Q(removed_reason="")),
                name="items_are_removed_for_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["source"], condition=~Q(source=""), name="items_by_source"),
            models.Index(fields=["id"], condition=Q(state="active"), name="active_items"),
        ]

    def __str__(self) -> str:
        return self.value

    @transition(field=state, source=State.ACTIVE, target=State.REMOVED)
    def remove(self) -> None: ...
