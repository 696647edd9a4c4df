"""What a model may learn from: payments as they were judged, with what was known of their honesty at a moment, and
never what came out later."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from risk.aftermath import Label, labels_of
from risk.features import Facts
from risk.models import Decision

BATCH = 1_000
# The newest so many: what thieves did years ago teaches little, and all has to fit into memory.
MOST_PAYMENTS = 100_000
# Most cardholders who will complain have done so by then; a younger payment is neither good nor bad yet.
MATURE_DAYS = 30
# Of these, the newest are kept to see what the model is worth.
TRIED_SHARE = 0.25
LEAST_PAYMENTS, LEAST_FRAUDS, LEAST_TRIED_FRAUDS = 1_000, 30, 10


@dataclass(frozen=True, slots=True)
class Lesson:
    """A payment that was judged and paid."""

    at: datetime
    facts: Facts
    label: Label


@dataclass(frozen=True, slots=True)
class Course:
    """Lessons of a time, the oldest first, as they stood at `known_at`."""

    known_at: datetime
    lessons: Sequence[Lesson]

    @property
    def history(self) -> list[Facts]:
        return [lesson.facts for lesson in self.lessons]

    @property
    def frauds(self) -> list[bool]:
        return [lesson.label.is_fraud(self.known_at) for lesson in self.lessons]


def mature(livemode: bool, *, now: datetime, days: int = MATURE_DAYS) -> QuerySet[Decision]:
    """The decisions old enough for what came of their payments to be known."""
    return Decision.objects.filter(livemode=livemode, created_at__lte=now - timedelta(days=days))


def read_lessons(
    decisions: QuerySet[Decision], *, progress: Callable[[int], None] = lambda read: None
) -> list[Lesson]:
    """The newest ones whose money was taken, the oldest of them first. `progress` hears how many were looked at."""
    found: list[Lesson] = []
    for batch in _batches(decisions):
        labels = labels_of([charge for *_, charge in batch])
        known = ((at, facts, labels.get(charge)) for _, at, facts, charge in batch)
        found += [Lesson(at, facts, label) for at, facts, label in known if label and label.captured]
        progress(len(batch))
        if len(found) >= MOST_PAYMENTS:
            break
    return sorted(found[:MOST_PAYMENTS], key=lambda lesson: lesson.at)


def trial(lessons: Sequence[Lesson], *, now: datetime, days: int) -> tuple[Course, Course]:
    """What somebody could have learned at a moment of the past, as it was known then; and what came after it, as it
    is known now."""
    cut = lessons[int(len(lessons) * (1 - TRIED_SHARE))].at if lessons else now
    then = [lesson for lesson in lessons if lesson.at <= cut - timedelta(days=days)]
    after = [lesson for lesson in lessons if lesson.at > cut]
    return Course(cut, then), Course(now, after)


def missing(learned: Course, tried: Course, *, days: int) -> list[str]:
    """What there is too little of, in words; nothing where there is enough."""
    frauds, later = sum(learned.frauds), sum(tried.frauds)
    said = [
        (
            len(learned.lessons),
            LEAST_PAYMENTS,
            f"paid payments to learn from, at least {days} days old on {learned.known_at:%Y-%m-%d}",
        ),
        (frauds, LEAST_FRAUDS, "of these known as fraud by then"),
        (later, LEAST_TRIED_FRAUDS, "fraudulent payments after that day, to try it on"),
    ]
    return [f"{there:,} of {least:,} {what}" for there, least, what in said if there < least]


def _batches(decisions: QuerySet[Decision]) -> Iterator[list[tuple[int, datetime, Facts, str]]]:
    """The newest first, by keyset: a reading of minutes holds no cursor open."""
    rows = decisions.order_by("-pk").values_list("pk", "created_at", "facts", "charge")
    batch = list(rows[:BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__lt=batch[-1][0])[:BATCH])
