"""What is agreed with merchants and every charge needs: their prices, and whether we hold a reserve. Remembered, so
that a charge costs no query for it; a change is followed by every process within seconds."""

import functools
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Q

from core.remembered import Remembered
from payments.fees import Plan
from payments.models import FeePlan, Terms

READ_SECONDS = 5.0


@dataclass(slots=True)
class Prices:
    """Every version that was read, and the latest of each merchant. A version never changes, and they are numbered in
    the order of their commits (`services/fee_plans.py`), so each is read once."""

    plans: dict[int, Plan] = field(default_factory=dict)
    latest: dict[int | None, Plan] = field(default_factory=dict)

    def read(self) -> "Prices":
        known = max(self.plans, default=0)
        for row in FeePlan.objects.filter(pk__gt=known).order_by("pk"):
            self.plans[row.pk] = self.latest[row.merchant_id] = row.plan
        return self


def fee_plan(merchant_id: int) -> Plan:
    """What the merchant's charges cost from now on: their own plan, or the standard one."""
    latest = _prices(_database()).get().latest
    return latest.get(merchant_id) or latest[None]


def fee_plan_of(plan_id: int | None, merchant_id: int) -> Plan:
    """The version that prices a charge; for one that began before there were versions, the first of its merchant."""
    if plan_id is None:
        first = FeePlan.objects.filter(Q(merchant=merchant_id) | Q(merchant=None), version=1)
        return first.order_by("merchant_id")[0].plan
    known = _prices(_database()).get().plans.get(plan_id)
    return known or FeePlan.objects.get(pk=plan_id).plan


def holds_reserve(merchant_id: int) -> bool:
    """Whether a part of what becomes available is held back."""
    return merchant_id in _reserved(_database()).get()


def forget() -> None:
    """This process reads everything anew."""
    _prices.cache_clear()
    _reserved.cache_clear()


def _database() -> str:
    """A process that is pointed to another database must not know the first one's."""
    return str(connection.settings_dict["NAME"])


@functools.cache
def _prices(database: str) -> Remembered[Prices]:
    return Remembered(Prices().read, seconds=READ_SECONDS)


@functools.cache
def _reserved(database: str) -> Remembered[frozenset[int]]:
    return Remembered(_read_reserved, seconds=READ_SECONDS)


def _read_reserved() -> frozenset[int]:
    return frozenset(Terms.objects.filter(reserve_basis_points__gt=0).values_list("merchant_id", flat=True))
