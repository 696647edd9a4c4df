"""Reading reconciliation: what is open, what each report said, and how complete the picture is."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet, Sum

from core.console import midnight
from payments.models import Dispute, Operation, Payout
from reconciliation.models import Break, Match, ReportFile

# Younger ones are on their way as they should be.
OLD = timedelta(minutes=10)
# Of the money that was booked from one day to another: how much of it a report has settled within a day.
COMPLETENESS = """
    SELECT b.currency, b.livemode, sum(abs(b.amount_minor))::bigint,
        coalesce(sum(abs(b.amount_minor)) FILTER (
            WHERE f.day <= (b.created_at AT TIME ZONE 'UTC')::date + 1), 0)::bigint,
        coalesce(sum(abs(b.amount_minor)) FILTER (WHERE m.line_id IS NOT NULL), 0)::bigint,
        min(b.created_at) FILTER (WHERE m.line_id IS NULL)
    FROM payments_balancetransaction b
    LEFT JOIN reconciliation_match m ON m.booking_id = b.id AND m.settles
    LEFT JOIN reconciliation_reportfile f ON f.id = m.file_id
    WHERE b.type IN ('charge', 'refund', 'refund_failure') AND b.created_at >= %s AND b.created_at < %s
    GROUP BY b.currency, b.livemode ORDER BY b.livemode DESC, b.currency
"""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of one currency and mode, in its smallest unit. `oldest`: when the oldest unexplained money was booked."""

    currency: str
    livemode: bool
    booked_minor: int
    within_a_day_minor: int
    settled_minor: int
    oldest: datetime | None

    @property
    def share(self) -> str:
        """Rounded down: 100 % is all of it."""
        if not self.booked_minor:
            return "–"
        tenths = 1000 * self.within_a_day_minor // self.booked_minor
        return f"{tenths // 10}.{tenths % 10} %"


@dataclass(frozen=True, slots=True)
class Total:
    """Lines of one result and currency."""

    result: str
    currency: str
    lines: int
    gross_minor: int
    fee_minor: int


def completeness(first: date, last: date) -> list[Completeness]:
    with connection.cursor() as cursor:
        cursor.execute(COMPLETENESS, [midnight(first), midnight(last + timedelta(days=1))])
        return [Completeness(*row) for row in cursor.fetchall()]


def recent_completeness() -> list[Completeness]:
    """Of the last week, without today, whose reports are still to come."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return completeness(yesterday - timedelta(days=6), yesterday)


@dataclass(frozen=True, slots=True)
class NotFinal:
    """What has begun and has not ended, of one kind, currency and mode."""

    kind: str
    currency: str
    livemode: bool
    number: int
    amount_minor: int
    oldest: datetime


def not_final(processor: str = "", *, older_than: timedelta = OLD) -> list[NotFinal]:
    """Calls whose outcome we don't know, payouts on their way and open disputes, older than minutes."""
    before = datetime.now(UTC) - older_than
    found: list[tuple[str, QuerySet[Any]]] = [
        ("call to a processor", Operation.objects.filter(next_attempt_at__isnull=False)),
        ("payout on its way", Payout.objects.filter(state=Payout.State.IN_TRANSIT)),
        ("dispute", Dispute.objects.filter(next_look_at__isnull=False)),
    ]
    return [
        NotFinal(kind, *row)
        for kind, rows in found
        for row in rows.filter(created_at__lt=before, **({"processor": processor} if processor else {}))
        .order_by("-livemode", "currency")
        .values_list("currency", "livemode")
        .annotate(number=Count("pk"), amount=Sum("amount_minor"), oldest=Min("created_at"))
    ]


def totals(files: list[int]) -> list[Total]:
    """What the lines of some reports came to, by result and currency."""
    rows = (
        Match.objects.filter(file__in=files)
        .exclude(line__kind="payout")
        .values_list("result", "line__currency")
        .annotate(lines=Count("pk"), gross=Sum("line__gross_minor"), fee=Sum("line__fee_minor"))
        .order_by("line__currency", "result")
    )
    return [Total(*row) for row in rows]


def reports(source: str, day: date) -> QuerySet[ReportFile]:
    return ReportFile.objects.filter(source=source, day=day).order_by("pk")


def open_breaks() -> QuerySet[Break]:
    return Break.objects.exclude(state=Break.State.RESOLVED)


def open_on(source: str, day: date) -> QuerySet[Break]:
    """What is open of a day and of all before it, without what may still come in time."""
    until = midnight(day + timedelta(days=1))
    return open_breaks().filter(source=source, since__lt=until).exclude(kind="timing")


def at_stake() -> list[dict[str, Any]]:
    """Open breaks by currency and mode: how many, how much, and since when."""
    rows = (
        open_breaks()
        .values_list("currency", "livemode")
        .annotate(number=Count("pk"), at_risk=Sum("at_risk_minor"), unowned=Count("pk", filter=Q(owner=None)))
        .order_by("-livemode", "currency")
    )
    names = ("currency", "livemode", "number", "at_risk_minor", "unowned")
    return [dict(zip(names, row, strict=True)) for row in rows]
