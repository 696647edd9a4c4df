"""What staff must look at. An alert stays open until somebody has resolved it, and is kept afterwards."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Alert(models.Model):
    """One thing that is wrong, open once however often it is seen. What names it never changes; the words, the
    amount and the data are those of the last time it was seen."""

    class State(models.TextChoices):
        OPEN = "open"
        RESOLVED = "resolved"

    kind = models.CharField(max_length=60)
    # Which one of its kind: a public id, an address, a processor's name.
    subject = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN, db_default=State.OPEN)
    message = models.TextField()
    livemode = models.BooleanField(null=True)
    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3, default="", db_default="")
    amount_minor = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict, db_default={})
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    times = models.PositiveIntegerField(default=1, db_default=1)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=150, default="", db_default="")
    resolved_reason = models.TextField(default="", db_default="")

    class Meta:
        db_table = "controls_alert"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(state="open"), name="one_open_alert_per_subject"
            ),
            models.CheckConstraint(
                condition=Q(kind__gt="", subject__gt="", message__gt=""), name="an_alert_says_what_it_is"
            ),
            models.CheckConstraint(
                condition=Q(state="open", resolved_at=None, resolved_by="", resolved_reason="")
                | Q(state="resolved", resolved_at__isnull=False, resolved_by__gt="", resolved_reason__gt=""),
                name="a_resolution_is_whole",
            ),
        ]
        # `open` sorts before `resolved`: what waits comes first.
        indexes = [models.Index("state", models.F("last_seen_at").desc(), name="alerts_by_state_and_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
