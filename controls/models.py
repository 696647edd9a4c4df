"""What staff must look at, and what takes two of them. Both are kept for ever."""

from django.conf import settings
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now

from core.ids import new_id
from core.xid import TransactionIdField


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


def new_approval_id() -> str:
    return new_id("apr")


class Approval(models.Model):
    """Something that one person wants done and another one decides on. What is asked for never changes."""

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        DONE = "done"
        FAILED = "failed"
        REFUSED = "refused"
        EXPIRED = "expired"

    public_id = models.CharField(max_length=40, unique=True, default=new_approval_id)
    # The key of the form that asked: however often it is sent, it asks once.
    key = models.CharField(max_length=100, unique=True)
    action = models.CharField(max_length=40)
    # What it is about, by its public id, and in words.
    subject = models.CharField(max_length=200)
    summary = models.TextField()
    parameters = models.JSONField(default=dict)
    livemode = models.BooleanField(null=True)
    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3, default="", blank=True)
    amount_minor = models.BigIntegerField(null=True)
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN, db_default=State.OPEN)
    checker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision = models.TextField(default="", blank=True)
    carried_out_at = models.DateTimeField(null=True)
    # What came of it, in words.
    result = models.TextField(default="", blank=True)

    class Meta:
        db_table = "controls_approval"
        constraints = [
            models.CheckConstraint(
                condition=Q(checker=None) | ~Q(checker=models.F("maker")), name="nobody_approves_their_own"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "expired"], checker=None, decided_at=None)
                | Q(
                    state__in=["approved", "done", "failed", "refused"],
                    checker__isnull=False,
                    decided_at__isnull=False,
                ),
                name="a_decision_is_somebody_s",
            ),
            models.CheckConstraint(
                condition=Q(action__gt="", subject__gt="", summary__gt="", reason__gt=""),
                name="an_approval_says_what_and_why",
            ),
        ]
        indexes = [
            # What waits for somebody: for a checker, or to be carried out.
            models.Index(
                "expires_at", condition=Q(state__in=["open", "approved"]), name="approvals_that_wait"
            )
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def made_by(self) -> str:
        """Both names, as the timeline keeps them."""
        return (
            f"{self.maker.get_username()}, approved by {self.checker.get_username() if self.checker else '–'}"
        )


class Threshold(models.Model):
    """Above this amount, in the currency's smallest unit, an action takes a second person. An action that has no
    amount takes one while it has a row, which is of nothing in no currency."""

    action = models.CharField(max_length=40)
    currency = models.CharField(max_length=3, blank=True)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "controls_threshold"
        constraints = [
            models.UniqueConstraint(fields=["action", "currency"], name="one_threshold_per_currency"),
            models.CheckConstraint(condition=Q(amount_minor__gte=0), name="a_threshold_is_no_debt"),
            models.CheckConstraint(
                condition=Q(currency__gt="") | Q(amount_minor=0), name="an_amount_has_its_currency"
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.action, self.currency.upper()]))


class AuditEntry(models.Model):
    """One thing that somebody at the console did, saw or changed, with the names of that moment. Append-only."""

    class Kind(models.TextChoices):
        ADDED = "added"
        CHANGED = "changed"
        REMOVED = "removed"
        SAW = "saw"
        SIGNED_IN = "signed_in"
        REFUSED = "refused"

    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=10, choices=Kind.choices)
    username = models.CharField(max_length=150)
    # No constraint: its check would lock the person's row for every page that is written down.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40)
    model = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=100, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    summary = models.TextField()
    # Given by PostgreSQL, whoever writes: the ledger's seals take in what became visible.
    xid = TransactionIdField(db_default=Func(function="pg_current_xact_id"), editable=False)

    class Meta:
        db_table = "controls_audit"
        verbose_name_plural = "audit entries"
        # Where what left the house is written down.
        permissions = [("export_lists", "Can export lists")]
        indexes = [
            models.Index("username", models.F("id").desc(), name="audit_by_person"),
            models.Index("object_name", models.F("id").desc(), name="audit_by_object"),
            models.Index("at", name="audit_by_time"),
            models.Index("xid", name="audit_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.username}: {self.summary}"
