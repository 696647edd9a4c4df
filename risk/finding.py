"""What the console's one box finds of risk: rules by id or name, and reviews by id."""

from django.db.models import QuerySet

from core.finding import MOST, Finder, Found, Term, register
from core.showing import page_url
from risk.models import Review, Rule
from risk.showing import review_state


def _rules(term: Term) -> list[Found]:
    rows = Rule.objects.select_related("merchant").order_by("-pk")
    by, found = ("id", rows.filter(public_id=term.text)) if term.prefix else ("name", _named(term, rows))
    return [
        Found(
            title=rule.name,
            url=page_url(rule),
            by=by,
            about=str(rule.merchant) if rule.merchant else "Every merchant's payments",
            livemode=rule.livemode,
            at=rule.created_at,
        )
        for rule in found[:MOST]
    ]


def _named(term: Term, rows: QuerySet[Rule]) -> QuerySet[Rule]:
    """There are few rules: any part of a name will do."""
    return rows.filter(name__icontains=term.word) if len(term.word) > 2 else rows.none()


def _reviews(term: Term) -> list[Found]:
    column = {"prv": "public_id", "ch": "charge"}.get(term.prefix)
    if column is None:
        return []
    rows = Review.objects.select_related("merchant", "decision").filter(**{column: term.text})
    return [
        Found(
            title=review.public_id,
            url=page_url(review),
            by="id",
            about=f"{review.merchant} · {review.decision.reason}",
            state=review_state(review),
            livemode=review.livemode,
            at=review.created_at,
        )
        for review in rows.order_by("-pk")[:MOST]
    ]


register(Finder("Risk rules", "risk.view_rule", _rules, 80))
register(Finder("Reviews", "risk.view_review", _reviews, 45))
