"""Upload: a report that somebody handed in at the console, until a worker has taken it in, or refused it."""

from django.db import models
from django.db.models.functions import Length, Now
from django_fsm import FSMField, transition

# Some 400,000 lines; larger files are for the folder or the command.
MOST_BYTES = 50_000_000


class Upload(models.Model):
    """Kept as it was handed in. What was taken in is the report with the same checksum."""

    class State(models.TextChoices):
        WAITING = "waiting"
        TAKEN = "taken", "Taken in"
        REFUSED = "refused"

    source = models.CharField(max_length=40)
    livemode = models.BooleanField()
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    uploaded_at = models.DateTimeField(db_default=Now())
    uploaded_by = models.CharField(max_length=150)
    state = FSMField(max_length=8, choices=State.choices, default=State.WAITING, protected=True)
    # Line and reason.
    refusal = models.TextField(default="", db_default="", blank=True)

    class Meta:
        constraints = [
            # One that was refused may come again: its day may have come since, or the settings may have changed.
            models.UniqueConstraint(
                fields=["source", "livemode", "sha256"],
                condition=~models.Q(state="refused"),
                name="upload_is_taken_in_once",
            ),
            models.CheckConstraint(
                condition=models.Q(size__gt=0, size__lte=MOST_BYTES, size=Length("content")),
                name="upload_has_its_size",
            ),
            models.CheckConstraint(
                condition=models.Q(state="refused", refusal__gt="")
                | (~models.Q(state="refused") & models.Q(refusal="")),
                name="refusals_say_why",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(state="waiting"), name="uploads_that_wait"),
        ]

    def __str__(self) -> str:
        return self.name

    @transition(field=state, source=State.WAITING, target=State.TAKEN)
    def take(self) -> None: ...

    @transition(field=state, source=State.WAITING, target=State.REFUSED)
    def refuse(self) -> None: ...
