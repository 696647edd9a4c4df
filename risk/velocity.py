"""How often, with how much and with how many cards somebody has paid lately: counted in Redis by all processes
together, with the decisions in PostgreSQL behind it. Until Redis has all that they say, nobody is told that there was
nothing. Never inside a database transaction."""

import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Min
from django.utils import timezone

from core.db import release_connection
from risk import counter
from risk.aftermath import outcomes_of
from risk.counter import Uncounted
from risk.facts import Request
from risk.marks import KEEP, Line, lines
from risk.models import Decision, Verdict
from risk.waiting import Work

BATCH = 1_000
# Payments that could not be counted may be written so much later than they were judged.
GRACE = timedelta(seconds=5)
POLL_SECONDS = 0.05
COLUMNS = ("pk", "created_at", "livemode", "facts", "once", "charge", "effective")

log = logging.getLogger("tollgate.risk")


def counts(request: Request, facts: Mapping[str, Any], *, within: float) -> Mapping[str, int]:
    """Counts the attempt, once for each `once`, and gives the facts of velocity with it in. Uncounted or TooLate
    where they can't be told within so many seconds."""
    until = time.monotonic() + within
    asked = list(lines(facts, livemode=request.livemode, once=mark_of(request.once), secret=counter.secret()))
    try:
        whole, readings = counter.count(asked)
    except Uncounted:
        _losses.note(timezone.now() - GRACE)
        raise
    if not whole or _losses.since:
        _losses.made_good(whole).result(within=until - time.monotonic())
        whole, readings = counter.count(asked)
        if not whole:
            raise Uncounted("Redis is being filled again")
    names = [read.fact for line in asked for read in line.series.reads]
    return dict(zip(names, readings, strict=True))


def count_decline(decision: Decision, *, at: datetime) -> None:
    """The attempt of that time was declined. Raises nothing: what Redis is not told now, it is told later."""
    try:
        counter.count(_decline(decision.facts, decision.livemode, decision.once), at=_moment(at))
    except Uncounted:
        _losses.note(at - GRACE)


def mark_of(once: str) -> str:
    """What a decision keeps of `Request.once`, and an attempt is marked with."""
    return hashlib.blake2b(once.encode(), digest_size=12).hexdigest()


def forget() -> None:
    """This process knows of no losses any more."""
    _losses.clear()


class _Losses:
    """What Redis was not told, or has forgotten, as far as this process knows; and the work that makes it good."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._work: Work[None] | None = None
        self._lock = threading.Lock()

    def note(self, since: datetime) -> None:
        with self._lock:
            self.since = min(since, self.since or since)

    def clear(self) -> None:
        with self._lock:
            self.since = self._work = None

    def made_good(self, whole: bool) -> Work[None]:
        """One thread of a process does it; whoever comes meanwhile waits for the same."""
        with self._lock:
            if self._work is None or self._work.over:
                since, self.since = self.since, None
                self._work = Work(lambda: self._make_good(whole, since))
            return self._work

    def _make_good(self, whole: bool, since: datetime | None) -> None:
        try:
            if whole and since is not None:
                fill(since)
            elif not whole:
                _fill_in_turn()
        except Exception as error:
            log.warning("velocity could not be filled again: %s", type(error).__name__)
            if since is not None:
                self.note(since)
            raise
        # Once more for those that were being written meanwhile; nobody waits for that.
        again = timezone.now() - GRACE
        timer = threading.Timer(GRACE.total_seconds(), lambda: Work(lambda: fill(again)))
        timer.daemon = True
        timer.start()


def fill(since: datetime) -> int:
    """The marks of all decisions since then; how many they were. Harmless for those that are there."""
    number = 0
    for rows in _batches(since):
        counter.leave(_marks(rows))
        number += len(rows)
    return number


def _fill_in_turn() -> None:
    """By one process; the others wait until it has, or its turn is over."""
    while not counter.is_whole():
        if counter.take_turn():
            number = fill(timezone.now() - timedelta(milliseconds=KEEP))
            counter.say_whole()
            log.info("velocity was filled with %s decisions", number)
            return
        time.sleep(POLL_SECONDS)


def _batches(since: datetime) -> Iterator[Sequence[Any]]:
    # The sum keeps PostgreSQL from walking all ids to find the least of a day: days have an index of their own.
    bounds = Decision.objects.filter(created_at__gte=since).aggregate(first=Min(F("pk") + 0))
    after = (bounds["first"] or 0) - 1
    while bounds["first"] is not None:
        rows = list(
            Decision.objects.filter(pk__gt=after).order_by("pk").values_list(*COLUMNS, named=True)[:BATCH]
        )
        release_connection()
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        after = rows[-1].pk


def _marks(rows: Sequence[Any]) -> Iterator[tuple[int, Sequence[Line]]]:
    outcomes = outcomes_of([row.charge for row in rows])
    release_connection()
    for row in rows:
        when, once = _moment(row.created_at), row.once or row.charge
        yield when, list(lines(row.facts, livemode=row.livemode, once=once, secret=counter.secret()))
        outcome = outcomes.get(row.charge)
        if outcome is not None and outcome.declined and row.effective != Verdict.BLOCK:
            yield when, _decline(row.facts, row.livemode, once)


def _decline(facts: Mapping[str, Any], livemode: bool, once: str) -> list[Line]:
    found = lines(facts, livemode=livemode, once=once, secret=counter.secret(), declined=True)
    return [line for line in found if line.mark]


def _moment(at: datetime) -> int:
    return int(at.timestamp() * 1000)


_losses = _Losses()
