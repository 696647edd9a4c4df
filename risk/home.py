"""What risk says on the console's first page: how many payments wait for somebody to decide, and until when."""

from datetime import timedelta

from django.db.models import Count, Min, Q
from django.urls import reverse

from core.home import Asked, Card, Tile, register
from core.showing import age
from risk.models import Review

SOON = timedelta(hours=4)
DAY = timedelta(days=1)


def reviews(asked: Asked) -> Tile:
    """One query, over what is open."""
    found = Review.objects.filter(next_look_at__isnull=False, livemode=asked.livemode).aggregate(
        number=Count("pk"),
        first=Min("due_at"),
        soon=Count("pk", filter=Q(due_at__lt=asked.now + SOON)),
        today=Count("pk", filter=Q(due_at__gte=asked.now + SOON, due_at__lt=asked.now + DAY)),
        later=Count("pk", filter=Q(due_at__gte=asked.now + DAY)),
    )
    number = found["number"]
    return Tile(
        title="Reviews",
        url=f"{reverse('admin:risk_review_changelist')}?{asked.mode}",
        figures=[str(number) if number else "None"],
        text=f"held until somebody decides, the first for {age(asked.now, found['first'])} more"
        if number
        else "No payment is held for somebody to decide",
        alarm=bool(number),
        bars=[("4 hours", found["soon"]), ("a day", found["today"]), ("later", found["later"])]
        if number
        else [],
    )


register(Card("reviews", "risk.view_review", 25, reviews))
