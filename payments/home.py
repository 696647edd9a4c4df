"""What payments say on the console's first page: money in doubt, disputes that wait, the processors, and today next
to the same day of last week. It reads what is open, and two days of charges; never a whole table."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Case, Count, Min, Q, Sum, Value, When
from django.db.models.functions import ExtractHour
from django.urls import reverse

from core.home import Asked, Card, Tile, register
from core.showing import age, money
from payments.charts import by_hour
from payments.models import Charge, Dispute, Operation, ProcessorHealth

MAX_ROWS = 8
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# What approval is measured on: attempts that the processor has decided.
APPROVED = (Charge.State.AUTHORIZED, Charge.State.CAPTURED)


@dataclass
class Day:
    """One day of one mode, up to the same time of day. By currency: what was captured, in its smallest unit."""

    charges: int = 0
    approved: int = 0
    failed: int = 0
    volumes: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def open(self) -> int:
        return self.charges - self.approved - self.failed

    @property
    def approval(self) -> float | None:
        decided = self.approved + self.failed
        return 100 * self.approved / decided if decided else None


@dataclass(frozen=True)
class Compared:
    """A figure of today, next to the same day of last week until the same time."""

    name: str
    today: str
    before: str
    change: str
    tone: str


def todays_business(asked: Asked) -> dict[str, Any]:
    """Both days in one query, by hour, currency and state."""
    today, before = Day(), Day()
    hours: tuple[dict[int, int], dict[int, int]] = (defaultdict(int), defaultdict(int))
    last_week = asked.day - WEEK
    rows = (
        Charge.objects.filter(livemode=asked.livemode)
        .filter(Q(created_at__gte=asked.day) | Q(created_at__gte=last_week, created_at__lt=last_week + DAY))
        .annotate(
            hour=ExtractHour("created_at", tzinfo=asked.now.tzinfo),
            is_today=_when(created_at__gte=asked.day),
            by_now=_when(created_at__lt=asked.now - WEEK),
        )
        .order_by()
        .values_list("is_today", "by_now", "hour", "currency", "state")
        .annotate(number=Count("pk"), captured=Sum("captured_minor"))
    )
    for is_today, by_now, hour, currency, state, number, captured_minor in rows:
        hours[0 if is_today else 1][hour] += number
        if not is_today and not by_now:
            continue
        day = today if is_today else before
        day.charges += number
        day.approved += number if state in APPROVED else 0
        day.failed += number if state == Charge.State.FAILED else 0
        if captured_minor:
            day.volumes[currency] += captured_minor
    return {
        "today": today,
        "compared": _compared(today, before),
        "chart": by_hour(*hours, until=asked.now.hour),
        "days": f"from={asked.now.date()}&to={asked.now.date()}&{asked.mode}",
        "is_empty": not (hours[0] or hours[1]),
    }


def _when(**condition: Any) -> Case:
    return Case(When(**condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _compared(today: Day, before: Day) -> list[Compared]:
    volumes = [
        Compared(
            f"Volume {currency.upper()}",
            money(today.volumes.get(currency, 0), currency),
            money(before.volumes.get(currency, 0), currency),
            *_change(today.volumes.get(currency, 0), before.volumes.get(currency, 0)),
        )
        for currency in sorted({*today.volumes, *before.volumes})
    ]
    payments = Compared(
        "Payments", str(today.charges), str(before.charges), *_change(today.charges, before.charges)
    )
    now, then = today.approval, before.approval
    change, tone = ("", "") if now is None or then is None else _points(now - then)
    return [*volumes, payments, Compared("Approved", _percent(now), _percent(then), change, tone)]


def _change(now: int, then: int) -> tuple[str, str]:
    if not then:
        return "", ""
    percent = 100 * (now - then) / then
    return f"{percent:+.0f} %", "good" if percent >= 0 else "bad"


def _points(difference: float) -> tuple[str, str]:
    return f"{difference:+.1f} points", "good" if difference >= 0 else "bad"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f} %"


def latest(asked: Asked) -> dict[str, Any]:
    newest = Charge.objects.filter(livemode=asked.livemode).select_related("merchant").order_by("-pk")
    return {"charges": list(newest[:MAX_ROWS]), "mode": asked.mode}


def _late(asked: Asked) -> Any:
    """From the partial index of what is open."""
    return Operation.objects.filter(
        next_attempt_at__isnull=False, livemode=asked.livemode, deadline_at__lt=asked.now
    )


def in_doubt(asked: Asked) -> Tile:
    sums: dict[str, int] = defaultdict(int)
    ages = [0, 0, 0]
    oldest: datetime | None = None
    rows = (
        _late(asked)
        .order_by()
        .values_list("currency")
        .annotate(
            amount=Sum("amount_minor"),
            since=Min("created_at"),
            fresh=Count("pk", filter=Q(created_at__gte=asked.now - HOUR)),
            older=Count("pk", filter=Q(created_at__lt=asked.now - HOUR, created_at__gte=asked.now - DAY)),
            old=Count("pk", filter=Q(created_at__lt=asked.now - DAY)),
        )
    )
    for currency, amount_minor, since, *numbers in rows:
        sums[currency] += amount_minor
        ages = [so_far + number for so_far, number in zip(ages, numbers, strict=True)]
        oldest = min(oldest or since, since)
    number = sum(ages)
    return Tile(
        title="Money in doubt",
        url=reverse("admin:payments_operation_changelist") + f"?outcome=open&{asked.mode}",
        figures=[money(amount, currency) for currency, amount in sorted(sums.items())] or ["None"],
        text=f"{number} without an answer, oldest {age(oldest)}"
        if oldest
        else "Every processor has answered",
        alarm=number > 0,
        bars=list(zip(("under 1 h", "under 1 d", "older"), ages, strict=True)) if number else [],
    )


def late_operations(asked: Asked) -> dict[str, Any] | None:
    rows = list(_late(asked).select_related("charge", "payout", "merchant").order_by("pk")[:MAX_ROWS])
    return {"operations": rows, "mode": asked.mode} if rows else None


def disputes(asked: Asked) -> Tile:
    waiting = Dispute.objects.filter(state__in=Dispute.ANSWERABLE, livemode=asked.livemode)
    soon, week = asked.now + DAY, asked.now + WEEK
    found = waiting.aggregate(
        number=Count("pk"),
        late=Count("pk", filter=Q(due_by__lt=asked.now)),
        today=Count("pk", filter=Q(due_by__gte=asked.now, due_by__lt=soon)),
        week=Count("pk", filter=Q(due_by__gte=soon, due_by__lt=week)),
    )
    number, late, today, this_week = (found[name] for name in ("number", "late", "today", "week"))
    bars = [("too late", late), ("24 hours", today), ("7 days", this_week)]
    rest = number - late - today - this_week
    return Tile(
        title="Disputes to answer",
        url=reverse("admin:payments_dispute_changelist") + f"?{asked.mode}",
        figures=[str(number) if number else "None"],
        text=_urgency(number, late, today),
        alarm=late + today > 0,
        bars=[*bars, ("later", rest)] if number else [],
    )


def _urgency(number: int, late: int, today: int) -> str:
    if not number:
        return "No bank waits for evidence"
    if late:
        return f"{late} past the deadline: answer at once"
    return f"{today} must be answered within 24 hours" if today else "None within 24 hours"


def processors(asked: Asked) -> Tile:
    names = [name for name, config in settings.PROCESSORS.items() if config["livemode"] == asked.livemode]
    broken = {
        row.processor: row
        for row in ProcessorHealth.objects.exclude(state=ProcessorHealth.State.CLOSED)
        if row.processor in names
    }
    first = next(iter(broken.values()), None)
    return Tile(
        title="Processors",
        url=reverse("admin:payments_processorhealth_changelist"),
        figures=[f"{len(names) - len(broken)} of {len(names)} working"] if names else ["None"],
        text=f"{', '.join(broken)} left alone since {age(first.since)}" if first else _all_well(names),
        alarm=bool(broken),
    )


def _all_well(names: list[str]) -> str:
    return "Payments go to all of them" if names else "None is set up for this mode"


register(Card("doubt", "payments.view_operation", 10, in_doubt))
register(Card("disputes", "payments.view_dispute", 30, disputes))
register(Card("processors", "payments.view_processorhealth", 50, processors))
register(Card("today", "payments.view_charge", 100, todays_business, "payments/home_today.html"))
register(Card("late", "payments.view_operation", 120, late_operations, "payments/home_late.html"))
register(Card("latest", "payments.view_charge", 200, latest, "payments/home_latest.html"))
