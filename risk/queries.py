"""Reads what rules and pages need to know. Of decisions only the newest are looked at, whatever their number."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count

from risk.aftermath import outcomes_of
from risk.models import Decision, Review, RuleVersion, ValueList

LATELY = 5_000
MATCHES = """
SELECT result->>'rule', (result->>'version')::int, count(result)
FROM (SELECT results FROM risk_decision WHERE livemode = %s ORDER BY id DESC LIMIT %s) AS newest,
     jsonb_array_elements(results) AS result
WHERE result @> '{"matched": true}'
GROUP BY 1, 2
"""


def list_keys() -> frozenset[str]:
    """The keys of the lists that rules may ask for."""
    active = ValueList.objects.filter(state=ValueList.State.ACTIVE)
    return frozenset(active.values_list("key", flat=True))


def matches_lately(livemode: bool) -> tuple[int, Mapping[tuple[str, int], int]]:
    """Of how many payments, and how many of them each version matched."""
    with connection.cursor() as cursor:
        cursor.execute(MATCHES, [livemode, LATELY])
        return len(_newest(livemode, None)), {
            (rule, version): number for rule, version, number in cursor.fetchall()
        }


@dataclass(frozen=True, slots=True)
class Lately:
    """How a version answered to the newest payments that its rule is about, and what became of those it matched."""

    asked: int
    matched: int
    paid: int
    disputed: int
    # What people decided about those that were held for them.
    approved: int
    rejected: int

    @property
    def share(self) -> float:
        return 100 * self.matched / self.asked if self.asked else 0.0


def lately(version: RuleVersion) -> Lately:
    """A fixed number of queries."""
    rule = version.rule
    newest = Decision.objects.filter(pk__in=_newest(rule.livemode, rule.merchant_id))
    said = {"rule": rule.public_id, "version": version.number}
    asked = newest.filter(results__contains=[said]).aggregate(number=Count("pk"))["number"]
    charges = list(
        newest.filter(results__contains=[{**said, "matched": True}]).values_list("charge", flat=True)
    )
    outcomes = outcomes_of(charges).values()
    reviews = Review.objects.filter(charge__in=charges).values_list("state", flat=True)
    decided = Counter(reviews)
    return Lately(
        asked=asked,
        matched=len(charges),
        paid=sum(one.paid for one in outcomes),
        disputed=sum(one.disputed_at is not None for one in outcomes),
        approved=decided[Review.State.APPROVED],
        rejected=decided[Review.State.REJECTED],
    )


def _newest(livemode: bool, merchant_id: int | None) -> list[int]:
    rows = Decision.objects.filter(livemode=livemode)
    if merchant_id is not None:
        rows = rows.filter(merchant=merchant_id)
    return list(rows.order_by("-pk").values_list("pk", flat=True)[:LATELY])
