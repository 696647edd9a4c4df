"""Tries rules on past payments: at a glance while one is written, and over weeks in short steps, so that neither a
request nor a worker is held by it."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Min, QuerySet

from core.errors import InvalidRequest
from risk.aftermath import outcomes_of
from risk.back_test import NONE, Figures, Past, run
from risk.language import Program
from risk.models import BackTest, Decision, RuleVersion

GLANCE = 500
# Read at once; and how long a step may take: whoever looks sees it move.
BATCH = 1_000
STEP_SECONDS = 0.7
COLUMNS = ("pk", "created_at", "facts", "effective", "charge")


def glance(expression: str, action: str, *, livemode: bool, merchant_id: int | None) -> Figures:
    """What it would have done with the newest payments that it is about."""
    newest = judged(livemode, merchant_id).order_by("-pk").values_list(*COLUMNS)[:GLANCE]
    return run(Program(expression), action, _pasts(list(newest)), Figures())


def begin_back_test(
    version: RuleVersion, *, begins_at: datetime, ends_at: datetime, made_by: str
) -> BackTest:
    """Over the decisions of a time; `go_on` does it. InvalidRequest where there are none."""
    rule = version.rule
    rows = judged(rule.livemode, rule.merchant_id).filter(created_at__gte=begins_at, created_at__lt=ends_at)
    bounds = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if bounds["first"] is None:
        raise InvalidRequest("No payment was judged in this time.", param="days")
    return BackTest.objects.create(
        version=version,
        begins_at=begins_at,
        ends_at=ends_at,
        first_id=bounds["first"],
        last_id=bounds["last"],
        next_before=bounds["last"] + 1,
        figures=Figures().stored(),
        made_by=made_by,
    )


@transaction.atomic
def go_on(back_test_pk: int) -> BackTest:
    """One step further; whoever comes at the same time waits, and goes on from there."""
    locked = BackTest.objects.select_for_update(of=["self"]).select_related("version__rule")
    test = locked.get(pk=back_test_pk)
    if test.done:
        return test
    program, figures = Program(test.version.expression), Figures.of(test.figures)
    until = time.monotonic() + STEP_SECONDS
    while not test.done:
        rows = _next_rows(test)
        run(program, test.version.action, _pasts(rows), figures)
        test.next_before = rows[-1][0] if rows else test.first_id
        test.done = len(rows) < BATCH
        if time.monotonic() >= until:
            break
    test.figures = figures.stored()
    test.save(update_fields=["next_before", "done", "figures"])
    return test


def progress(test: BackTest) -> float:
    """From 0 to 1."""
    whole = test.last_id + 1 - test.first_id
    return 1.0 if test.done else (test.last_id + 1 - test.next_before) / whole


def judged(livemode: bool, merchant_id: int | None) -> QuerySet[Decision]:
    """The decisions about payments that a rule is about."""
    rows = Decision.objects.filter(livemode=livemode)
    return rows if merchant_id is None else rows.filter(merchant=merchant_id)


def _next_rows(test: BackTest) -> list[Any]:
    rule = test.version.rule
    rows = judged(rule.livemode, rule.merchant_id).filter(pk__gte=test.first_id, pk__lt=test.next_before)
    return list(rows.order_by("-pk").values_list(*COLUMNS)[:BATCH])


def _pasts(rows: Sequence[Any]) -> list[Past]:
    outcomes = outcomes_of([charge for *_, charge in rows])
    return [
        Past(pk, created_at.date(), facts, effective, outcomes.get(charge, NONE))
        for pk, created_at, facts, effective, charge in rows
    ]
