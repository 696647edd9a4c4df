"""ReportFile, ReportLine and Match: another's word, and ours on it."""

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from reconciliation import kinds


class ReportFile(models.Model):
    """One report, known by its checksum: a processor's of one day, or a statement of our bank account."""

    class State(models.TextChoices):
        MATCHED = "matched"
        POSTED = "posted"

    # The processor that wrote it, or `bank` for a statement of our own account.
    source = models.CharField(max_length=40)
    livemode = models.BooleanField()
    day = models.DateField()
    format = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    line_count = models.PositiveIntegerField()
    imported_at = models.DateTimeField(db_default=Now())
    imported_by = models.CharField(max_length=100)
    state = FSMField(max_length=10, choices=State.choices, default=State.MATCHED, protected=True)
    # Lines up to this number are in the ledger.
    posted_lines = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = "report"
        constraints = [
            models.UniqueConstraint(fields=["source", "livemode", "sha256"], name="report_is_imported_once"),
            models.CheckConstraint(
                condition=models.Q(posted_lines__lte=models.F("line_count")), name="report_posts_what_it_has"
            ),
        ]
        indexes = [models.Index(fields=["source", "day"], name="reports_of_day")]

    def __str__(self) -> str:
        return f"{self.source} {self.day}"

    @transition(field=state, source=State.MATCHED, target=State.POSTED)
    def post(self) -> None: ...


class ReportLine(models.Model):
    """One line as it was reported. Amounts are signed: what comes to us is positive; net is gross minus fee."""

    file = models.ForeignKey(
        ReportFile, on_delete=models.PROTECT, related_name="lines", db_index=False, db_constraint=False
    )
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=kinds.LINE_KINDS)
    # Ours, as the processor repeats it; then the processor's own of the line, and of what it belongs to.
    reference = models.CharField(max_length=100)
    processor_id = models.CharField(max_length=100)
    related_id = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    status = models.CharField(max_length=20)
    occurred_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="report_line_once"),
            models.CheckConstraint(
                condition=models.Q(net_minor=models.F("gross_minor") - models.F("fee_minor")),
                name="report_line_net_is_gross_minus_fee",
            ),
        ]
        indexes = [
            # Of the few that announce what the bank is to receive.
            models.Index(
                fields=["processor_id"], condition=models.Q(kind="payout"), name="announced_payouts"
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.number}"


class Match(models.Model):
    """What we make of a line. It `settles` our booking, or it does not; a booking is settled once."""

    line = models.OneToOneField(ReportLine, on_delete=models.PROTECT, primary_key=True, db_constraint=False)
    file = models.ForeignKey(
        ReportFile, on_delete=models.PROTECT, related_name="matches", db_constraint=False
    )
    result = models.CharField(max_length=16, choices=kinds.RESULTS)
    # Our booking, whatever the merchant's view of it is called: a balance transaction's key.
    booking_id = models.BigIntegerField(null=True)
    settles = models.BooleanField()
    # What is taken from clearing and booked as the processor's fee; the rest of the line is in suspense.
    owed_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "matches"
        constraints = [
            models.UniqueConstraint(
                fields=["booking_id"], condition=models.Q(settles=True), name="booking_is_settled_once"
            ),
            models.CheckConstraint(
                condition=models.Q(settles=False) | models.Q(booking_id__isnull=False),
                name="what_settles_has_a_booking",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.result}"
