"""What reconciliation says on the console's first page: breaks by age."""

from datetime import timedelta

from django.db.models import Count, Q, Sum
from django.urls import reverse

from core.home import Asked, Card, Tile, register
from core.showing import money
from reconciliation.queries import open_breaks

DAY = timedelta(days=1)


def breaks(asked: Asked) -> Tile:
    now = asked.now
    rows = list(
        open_breaks()
        .filter(livemode=asked.livemode)
        .order_by("currency")
        .values_list("currency")
        .annotate(
            at_risk=Sum("at_risk_minor"),
            day=Count("pk", filter=Q(since__gte=now - DAY)),
            three=Count("pk", filter=Q(since__lt=now - DAY, since__gte=now - 3 * DAY)),
            week=Count("pk", filter=Q(since__lt=now - 3 * DAY, since__gte=now - 7 * DAY)),
            old=Count("pk", filter=Q(since__lt=now - 7 * DAY)),
        )
    )
    ages = [sum(numbers) for numbers in zip(*(row[2:] for row in rows), strict=True)]
    number = sum(ages)
    return Tile(
        title="Breaks",
        url=reverse("admin:reconciliation_break_changelist"),
        figures=[money(at_risk, currency) for currency, at_risk, *_ in rows] or ["None"],
        text=f"at risk in {number} that nobody has explained" if number else "Reports and books agree",
        alarm=bool(ages) and ages[-1] > 0,
        bars=list(zip(("1 day", "3 days", "7 days", "older"), ages, strict=True)) if number else [],
    )


register(Card("breaks", "reconciliation.view_break", 20, breaks))
