"""Break: a difference that somebody has to explain. None is ever deleted."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from core.ids import new_id
from reconciliation import kinds
from reconciliation.models.files import ReportLine


def new_break_id() -> str:
    return new_id("brk")


class Break(models.Model):
    """Found once per subject, worked off forward: open, proposed, approved, resolved."""

    class State(models.TextChoices):
        OPEN = "open"
        PROPOSED = "proposed"
        APPROVED = "approved"
        RESOLVED = "resolved"

    public_id = models.CharField(max_length=40, default=new_break_id, editable=False)
    kind = models.CharField(max_length=16, choices=kinds.BREAK_KINDS)
    # What it is about, so that looking again finds no second one: `line:…`, `booking:…`, `alert:…`.
    subject = models.CharField(max_length=200)
    state = FSMField(max_length=10, choices=State.choices, default=State.OPEN, protected=True)
    source = models.CharField(max_length=40)
    livemode = models.BooleanField()
    currency = models.CharField(max_length=3)
    # What may be lost at most, always positive.
    at_risk_minor = models.BigIntegerField()
    # What waits in suspense because of it, debits minus credits.
    suspense_minor = models.BigIntegerField(default=0, db_default=0)
    line = models.ForeignKey(
        ReportLine, on_delete=models.PROTECT, null=True, related_name="breaks", db_constraint=False
    )
    booking_id = models.BigIntegerField(null=True, db_index=True)
    # What a person looks for: our reference or the processor's.
    reference = models.CharField(max_length=100)
    since = models.DateTimeField()
    opened_at = models.DateTimeField(db_default=Now())
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    needs_second_person = models.BooleanField()
    resolution = models.CharField(max_length=12, choices=kinds.RESOLUTIONS, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    proposed_by = models.CharField(max_length=150, blank=True)
    # How many proposals there were; the last one counts, all are in the history.
    proposals = models.PositiveIntegerField(default=0, db_default=0)
    approved_by = models.CharField(max_length=150, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True)
    ledger_reference = models.CharField(max_length=100, blank=True)

    class Meta:
        permissions = [
            ("work_break", "Can take, note and propose"),
            ("approve_break", "Can approve and resolve"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="break_once"),
            models.UniqueConstraint(fields=["subject"], name="break_once_per_subject"),
            models.CheckConstraint(
                condition=models.Q(needs_second_person=False)
                | models.Q(approved_by="")
                | ~models.Q(approved_by=models.F("proposed_by"))
                # What a rule explains and books nothing for; no person's name has a colon.
                | models.Q(resolution="nothing", proposed_by=kinds.RULES),
                name="large_breaks_take_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(state="open")
                | (~models.Q(proposed_by="") & ~models.Q(resolution="") & ~models.Q(reason="")),
                name="proposals_say_what_and_why",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "proposed"]) | ~models.Q(approved_by=""),
                name="approvals_have_a_name",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="resolved")
                | (~models.Q(resolved_by="") & models.Q(resolved_at__isnull=False)),
                name="resolved_breaks_say_by_whom",
            ),
            models.CheckConstraint(condition=models.Q(at_risk_minor__gte=0), name="risk_is_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["source", "since"], condition=~models.Q(state="resolved"), name="breaks_to_work_off"
            )
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_open(self) -> bool:
        return bool(self.state != self.State.RESOLVED)

    @transition(field=state, source=[State.OPEN, State.PROPOSED], target=State.PROPOSED)
    def propose(self) -> None: ...

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None: ...

    @transition(field=state, source=State.APPROVED, target=State.RESOLVED)
    def resolve(self) -> None: ...


class BreakEntry(models.Model):
    """What happened to a break, by whom, and why. Append-only."""

    # Not `break`, which Python keeps for itself.
    about = models.ForeignKey(Break, on_delete=models.PROTECT, related_name="history")
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=20)
    actor = models.CharField(max_length=150)
    text = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10)
    data: Any = models.JSONField(default=dict, db_default={})

    class Meta:
        verbose_name_plural = "break entries"

    def __str__(self) -> str:
        return self.kind
