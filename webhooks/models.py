"""What happened (events), who wants to hear of it (endpoints), and how the telling went (deliveries)."""

import functools

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.ids import new_id, random_text

# 32 base-62 characters: 190 bits, more than the HMAC-SHA256 made with them can use up by search.
SECRET_CHARACTERS = 32


def new_secret() -> str:
    return "whsec_" + random_text(SECRET_CHARACTERS)


class Event(models.Model):
    """A change that was committed, with a snapshot of the object as it then was. Append-only."""

    public_id = models.TextField(default=functools.partial(new_id, "evt"))
    # Merchants stay (their table refuses DELETE), so a foreign key would cost every charge and check nothing.
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    livemode = models.BooleanField()
    type = models.TextField()
    object_id = models.TextField()
    data = models.JSONField()
    previous_attributes = models.JSONField(null=True)
    # The API call that caused the change; both empty when none did.
    request_id = models.TextField(default="", db_default="")
    idempotency_key = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    # Both are given by PostgreSQL, whoever writes: the event's number among those of its object, and its place
    # among all events, which follows the order in which they became visible where `id` does not.
    sequence = models.PositiveIntegerField(db_default=0, editable=False)
    position = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        db_table = "webhooks_event"
        constraints = [
            # Not `unique=True`, which on PostgreSQL brings a second index, for LIKE.
            models.UniqueConstraint(fields=["public_id"], name="event_ids_are_unique"),
            models.UniqueConstraint(
                fields=["object_id", "sequence"], name="events_of_an_object_are_numbered"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "livemode", "position", "id"], name="events_of_a_merchant"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"


class EventClock(models.Model):
    """One row: an event's position is the number of its database transaction, counted from `starts_at`. Another
    PostgreSQL cluster, after a restore, counts its transactions anew, so then `starts_at` moves on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    system_identifier = models.BigIntegerField()
    starts_at = models.BigIntegerField()

    class Meta:
        db_table = "webhooks_event_clock"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="there_is_one_event_clock")]

    def __str__(self) -> str:
        return str(self.starts_at)


class OutboxEntry(models.Model):
    """An event that has not been fanned out yet: a queue, whose rows the relay removes. No cursor over
    Event could do this, since a lower id may commit later."""

    # Written by the statement that writes the event, and events stay: a foreign key would check nothing new.
    event = models.OneToOneField(Event, on_delete=models.PROTECT, primary_key=True, db_constraint=False)

    class Meta:
        db_table = "webhooks_outbox"

    def __str__(self) -> str:
        return str(self.pk)


class WebhookEndpoint(models.Model):
    """Where a merchant wants events of one mode sent. Deleted ones stay, for their deliveries' sake."""

    class State(models.TextChoices):
        ENABLED = "enabled"
        DISABLED = "disabled"
        DELETED = "deleted"

    public_id = models.TextField(default=functools.partial(new_id, "we"))
    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.PROTECT, db_index=False)
    livemode = models.BooleanField()
    url = models.CharField(max_length=2_048)
    enabled_events = ArrayField(models.TextField())
    # Every attempt is signed with it, so it is stored as it is; the API shows it once, when it is made.
    secret = models.TextField(default=new_secret, editable=False)
    # The one before it signs too, until then.
    previous_secret = models.TextField(default="", db_default="", editable=False)
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    # Events of one object are sent one after the other.
    ordered = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ENABLED)
    # Set where we disabled it ourselves.
    disabled_reason = models.TextField(default="", db_default="")
    # The first failure since the last success.
    failing_since = models.DateTimeField(null=True)
    api_version = models.TextField(null=True)
    description = models.TextField(null=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "webhooks_endpoint"
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="endpoint_ids_are_unique"),
            models.CheckConstraint(
                condition=models.Q(livemode=False) | models.Q(url__startswith="https://"),
                name="live_webhooks_use_https",
            ),
            models.CheckConstraint(condition=~models.Q(secret=""), name="webhooks_are_signed"),
            models.CheckConstraint(
                condition=models.Q(previous_secret="") | models.Q(previous_secret_until__isnull=False),
                name="rolled_secrets_end",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "livemode", "id"], name="endpoints_of_a_merchant")]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event for one endpoint.

    Work to do is `next_attempt_at`, whatever the state: a resend of what was delivered or given up sets it
    again and the state stays, unless it moves forward to succeeded. What was given up is tried on the whole
    schedule once more, what was delivered one time.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        GIVEN_UP = "given_up"

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    state = models.CharField(
        max_length=9, choices=State.choices, default=State.PENDING, db_default=State.PENDING
    )
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    # In a row, since it was made or sent again by hand: what the schedule goes by.
    failures = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, db_default=Now())
    # While a sender is at work. It also names the lease: whoever finds another here has lost theirs.
    lease_until = models.DateTimeField(null=True)
    # Set by the first failure.
    give_up_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "webhooks_delivery"
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="one_delivery_per_event_and_endpoint"),
            models.CheckConstraint(
                condition=~models.Q(state="pending") | models.Q(next_attempt_at__isnull=False),
                name="pending_deliveries_have_a_due_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="deliveries_due",
            ),
            models.Index(fields=["endpoint", "id"], name="deliveries_of_an_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.endpoint}"


class DeliveryAttempt(models.Model):
    """One request that was sent, or could not be. Append-only."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, related_name="attempt_rows", db_index=False
    )
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.TextField(default="", db_default="")
    # The first bytes of what the endpoint answered, card numbers and keys masked.
    answer = models.TextField(default="", db_default="")
    duration_ms = models.PositiveIntegerField()

    class Meta:
        db_table = "webhooks_delivery_attempt"
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempts_are_numbered_once"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"


class Replay(models.Model):
    """Somebody's wish that an endpoint be sent the events of a time once more, and how far that has come. It goes
    through the events by `position`, a batch at a time."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        # The endpoint was disabled or deleted meanwhile.
        STOPPED = "stopped"

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="replays")
    since = models.DateTimeField()
    until = models.DateTimeField()
    only_missed = models.BooleanField()
    asked_by = models.TextField()
    state = models.CharField(
        max_length=7, choices=State.choices, default=State.RUNNING, db_default=State.RUNNING
    )
    position = models.BigIntegerField(default=-1, db_default=-1, editable=False)
    last_event_id = models.BigIntegerField(default=0, db_default=0, editable=False)
    # When the last event that was looked at happened, how many were, and how many are sent again.
    reached_at = models.DateTimeField(null=True)
    events = models.PositiveIntegerField(default=0, db_default=0)
    made = models.PositiveIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhooks_replay"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="running", finished_at=None)
                | (~models.Q(state="running") & models.Q(finished_at__isnull=False)),
                name="finished_replays_say_when",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(state="running"), name="replays_running"),
        ]

    def __str__(self) -> str:
        return f"events since {self.since:%Y-%m-%d %H:%M}"

    @property
    def percent(self) -> int:
        """Of the time that was asked for: counting its events first would cost as much as the work."""
        if self.state == self.State.DONE:
            return 100
        if self.reached_at is None:
            return 0
        return int(100 * ((self.reached_at - self.since) / (self.until - self.since)))


class Notification(models.Model):
    """A processor's word that something became of our `reference`: kept once, applied later. `next_attempt_at` is
    null once that is done, or given up. What came never changes."""

    processor = models.TextField()
    notification_id = models.TextField()
    reference = models.TextField()
    # The processor's own id of the dispute that it is about, where it names no reference of ours.
    dispute_id = models.TextField(default="", db_default="")
    kind = models.TextField()
    # The bytes as they came. `redacted` says that they held what must not be kept, which is masked.
    body = models.BinaryField()
    redacted = models.BooleanField(default=False, db_default=False)
    received_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, default=timezone.now)
    applied_at = models.DateTimeField(null=True)
    # Why it is not applied yet.
    problem = models.TextField(default="", db_default="")

    class Meta:
        db_table = "webhooks_notification"
        constraints = [
            models.UniqueConstraint(fields=["processor", "notification_id"], name="notification_once"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="notifications_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.processor} {self.notification_id}"


class UnpublishedEvent(models.Model):
    """An event that the broker has not confirmed yet. The relay adds it, where there is a broker; its publishing
    removes it."""

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="unpublished"
    )

    class Meta:
        db_table = "webhooks_unpublished"

    def __str__(self) -> str:
        return str(self.pk)


class EventStream(models.Model):
    """One row: who publishes at the moment, and how it goes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    holder = models.TextField(default="", db_default="")
    lease_until = models.DateTimeField(null=True)
    # All three are empty while it goes well.
    failing_since = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="", db_default="")
    published_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhooks_stream"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="there_is_one_event_stream")]

    def __str__(self) -> str:
        return self.last_error or "publishing"
