"""Sends what is due: claimed under a lease, sent concurrently from one event loop with no database connection
held, recorded in batches. A crash in between only means that the lease ends and it is sent again."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import aiohttp
import msgspec
from django.conf import settings
from django.utils import timezone

from core.db import load_statement, run_statement
from core.faults import fault_point
from core.logs import logger
from core.trail import follow
from webhooks import serializers
from webhooks.models import Delivery
from webhooks.schedule import GIVE_UP_AFTER, next_attempt
from webhooks.sender import Result, new_session, send
from webhooks.signature import headers
from webhooks.windows import FIRST, Windows

# Three time limits of an attempt: a loop that stalls or a slow commit must not make a delivery go out twice.
LEASE_SECONDS = 30.0
# Half of the 1,024 open files that a process usually has.
MAX_UNDER_WAY = 500
# While something is under way, new work is looked for this often.
POLL_SECONDS = 0.1
# One task's share of a worker's thread; the next poll of beat continues.
BUDGET_SECONDS = 20.0
# At an ordered endpoint this many that have to wait do not hide one that can be sent.
LOOK_AHEAD = 200
# A name that nobody answers for holds a thread for as long as the system's resolver likes.
RESOLVER_THREADS = 100

CLAIM = load_statement("claim.sql")
RECORD = load_statement("record.sql")
after_claim = fault_point("deliver.after_claim")
before_record = fault_point("deliver.before_record")
log = logger("tollgate.webhooks")

_windows = Windows()
# One loop of a process claims at a time: a second would add threads, not speed.
_claiming = threading.Lock()


class Outcome(msgspec.Struct):
    """A row for record.sql."""

    delivery_id: int
    lease_until: datetime
    due_at: datetime
    at: datetime
    succeeded: bool
    next_attempt_at: datetime | None
    give_up_at: datetime | None
    status: int | None
    error: str
    answer: str
    duration_ms: int


def deliver_due(*, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Sends until nothing is due and nothing under way, or the time is up; how many attempts were recorded.

    Returns 0 at once while another thread of this process does the same: that one finds the work too.
    """
    if not _claiming.acquire(blocking=False):
        return 0
    shift = _Shift(budget_seconds)
    try:
        first = _claim()
        after_claim()
        return asyncio.run(shift.work(first)) if first else 0
    finally:
        shift.let_others_claim()


class _Shift:
    """One event loop's work from the first claim to the last record."""

    def __init__(self, budget_seconds: float) -> None:
        self._end = time.monotonic() + budget_seconds
        self._may_claim = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._recorded = 0

    async def work(self, claimed: list[Any]) -> int:
        self._arrived = asyncio.Event()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(RESOLVER_THREADS))
        # Statements have a thread of their own: they must not queue behind names that are slow to resolve.
        with ThreadPoolExecutor(1) as self._database:
            async with new_session(
                allow_private=settings.WEBHOOKS_ALLOW_LOOPBACK, connections=MAX_UNDER_WAY
            ) as session:
                while claimed or self._tasks or self._outcomes:
                    self._begin(session, claimed)
                    await self._wait()
                    await self._record()
                    claimed = await self._claim_more()
                # Before the loop is closed, which waits for names that are still being looked up.
                self.let_others_claim()
        return self._recorded

    def let_others_claim(self) -> None:
        if self._may_claim:
            self._may_claim = False
            _claiming.release()

    def _begin(self, session: aiohttp.ClientSession, claimed: list[Any]) -> None:
        for row in claimed:
            _windows.begin(row.endpoint_id)
            task = asyncio.create_task(self._attempt(session, row))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # Not in the task itself: one that is cancelled before its first step runs no line of its own.
            task.add_done_callback(partial(_ended, row.endpoint_id))

    async def _attempt(self, session: aiohttp.ClientSession, row: Any) -> None:
        at = timezone.now()
        with follow(row.request_id, event_id=row.public_id, type=row.type, object=row.object_id):
            try:
                body = _body(row)
                result = await send(session, url=row.url, body=body, headers=_headers(row, body))
            except Exception as error:
                log.exception("not sent")
                result = Result(None, f"not sent: {type(error).__name__}", "", 0)
            log.info(
                "delivery",
                endpoint=row.endpoint_id,
                status=result.status,
                error=result.error,
                ms=result.duration_ms,
            )
        _windows.learn(row.endpoint_id, succeeded=result.succeeded)
        self._outcomes.append(_outcome(row, at, result))
        self._arrived.set()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._arrived.wait(), POLL_SECONDS)
        except TimeoutError:
            return
        self._arrived.clear()

    async def _record(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return
        before_record()
        values = {"outcomes": msgspec.json.encode(outcomes).decode()}
        self._recorded += len(await self._in_database(RECORD, values))

    async def _claim_more(self) -> list[Any]:
        if time.monotonic() >= self._end:
            # What is under way may take its time; others need not wait for it.
            self.let_others_claim()
            return []
        room = MAX_UNDER_WAY - _windows.under_way
        return await self._in_database(CLAIM, _claim_values(room)) if room > 0 else []

    async def _in_database(self, statement: str, values: dict[str, Any]) -> list[Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, run_statement, statement, values)


def _ended(endpoint_id: int, _: asyncio.Task[None]) -> None:
    _windows.end(endpoint_id)


def _claim() -> list[Any]:
    return run_statement(CLAIM, _claim_values(MAX_UNDER_WAY - _windows.under_way))


def _claim_values(room: int) -> dict[str, Any]:
    known = _windows.rooms()
    return {
        "endpoints": [endpoint for endpoint, _, _ in known],
        "rooms": [more for _, more, _ in known],
        "under_way": [has for _, _, has in known],
        "first_room": FIRST,
        "look_ahead": LOOK_AHEAD,
        "batch": max(room, 0),
        "lease_seconds": LEASE_SECONDS,
    }


def _body(row: Any) -> bytes:
    """The event's JSON; its parts come from PostgreSQL as text and go out unparsed."""
    previous = row.previous_attributes
    facts = row._replace(
        data=msgspec.Raw(row.data), previous_attributes=None if previous is None else msgspec.Raw(previous)
    )
    return msgspec.json.encode(serializers.event(facts, row.pending_webhooks))


def _headers(row: Any, body: bytes) -> dict[str, str]:
    secrets = [row.secret, row.previous_secret] if row.previous_secret else [row.secret]
    signed = headers(secrets, body, event_id=row.public_id, unix_seconds=int(time.time()))
    return {**signed, "Tollgate-Sequence": str(row.sequence)}


def _outcome(row: Any, at: datetime, result: Result) -> Outcome:
    now, give_up_at, again = timezone.now(), row.give_up_at, None
    # A resend of what was delivered is one attempt, without a schedule of its own.
    if not result.succeeded and row.state != Delivery.State.SUCCEEDED:
        give_up_at = give_up_at or now + GIVE_UP_AFTER
        again = next_attempt(
            failures=row.failures + 1,
            now=now,
            give_up_at=give_up_at,
            retry_after_seconds=result.retry_after_seconds,
        )
    return Outcome(
        delivery_id=row.id,
        lease_until=row.lease_until,
        due_at=row.next_attempt_at,
        at=at,
        succeeded=result.succeeded,
        next_attempt_at=again,
        give_up_at=give_up_at,
        status=result.status,
        error=result.error,
        answer=result.answer,
        duration_ms=result.duration_ms,
    )
