"""How each processor is doing, as all processes know it: the circuit breakers' states, kept in PostgreSQL and read by
each process once a second. `services/breaker.py` counts and decides; this module reads, and changes a state once."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from core.db import run_statement
from core.errors import DatabaseUnavailable
from core.remembered import Remembered
from payments.models import ProcessorHealth

READ_SECONDS = 1.0
# How long a breaker stays open at first; each failure in a row doubles it, up to the longest.
OPEN_SECONDS = 30
LONGEST_OPEN_SECONDS = 600
# A probe may take as long as a call, and a little for what comes before and after it.
PROBE_GRACE_SECONDS = 10
MAX_REASON = 300
# What a database that is away, or has no connection left, says.
AWAY = (DatabaseError, InterfaceError, DatabaseUnavailable, psycopg.Error)

OPEN_BREAKER = """
    INSERT INTO payments_processorhealth AS health (processor, state, since, open_until, failures, last_reason)
    VALUES (%(processor)s, 'open', now(), now() + make_interval(secs => %(first)s), 1, %(reason)s)
    ON CONFLICT (processor) DO UPDATE
        SET state = 'open', since = now(), open_until = excluded.open_until, failures = 1,
            last_reason = excluded.last_reason
        WHERE health.state = 'closed'
    RETURNING failures, open_until
"""
# Also where the one who had the probe did not come back in time.
CLAIM_PROBE = """
    UPDATE payments_processorhealth
    SET state = 'half_open', since = now(), open_until = now() + make_interval(secs => %(patience)s)
    WHERE processor = %(processor)s AND state <> 'closed' AND open_until <= now()
    RETURNING failures, open_until
"""
PROBE_FAILED = """
    UPDATE payments_processorhealth
    SET state = 'open', since = now(), failures = failures + 1, last_reason = %(reason)s,
        open_until = now() + make_interval(secs => least(%(first)s * 2.0 ^ least(failures, 20), %(longest)s))
    WHERE processor = %(processor)s AND state = 'half_open'
    RETURNING failures, open_until
"""
# A breaker that is still open stays so: the answer may be to a call from before it was opened.
PROBE_SUCCEEDED = """
    UPDATE payments_processorhealth
    SET state = 'closed', since = now(), open_until = NULL, failures = 0, last_reason = %(reason)s
    WHERE processor = %(processor)s AND (state = 'half_open' OR state = 'open' AND open_until <= now())
    RETURNING failures, open_until
"""
CLOSE_BY_HAND = """
    UPDATE payments_processorhealth
    SET state = 'closed', since = now(), open_until = NULL, failures = 0, last_reason = %(reason)s
    WHERE processor = %(processor)s AND state <> 'closed'
    RETURNING failures, open_until
"""

log = logging.getLogger("tollgate.processors")
_probes = threading.local()


@dataclass(frozen=True, slots=True)
class Health:
    """What was read of a breaker that is, or was once, not closed."""

    state: str
    since: datetime
    open_until: datetime | None
    last_reason: str

    @property
    def closed(self) -> bool:
        return self.state == ProcessorHealth.State.CLOSED

    @property
    def waiting(self) -> bool:
        """Whether it is not yet time to try again. The database's clock decides in the end."""
        return self.open_until is not None and self.open_until.timestamp() > time.time()

    @property
    def blocked(self) -> str:
        """Why payments leave the processor alone; "" where one may go to it."""
        if self.closed or not self.waiting:
            return ""
        if self.state == ProcessorHealth.State.OPEN:
            return f"out of order: {self.last_reason}"
        return f"being tried by another payment, after: {self.last_reason}"


def breakers() -> Mapping[str, Health]:
    """The known breakers by processor, at most a second old. Those of which nothing is known are closed."""
    return _breakers.get()


def allows(processor: str) -> bool:
    """Whether a payment may go to the processor now. Best outside of transactions; there it raises nothing.

    When it is time to try a broken one again, exactly one caller among all processes is told yes: its call is
    the probe. A database that is away lets everybody through, for it says nothing of the processor.
    """
    try:
        health = breakers().get(processor)
        if health is None or health.closed or is_probing(processor):
            return True
        return not health.waiting and claim_probe(processor)
    except AWAY as error:
        if connection.in_atomic_block:
            raise  # the transaction is lost already
        log.warning("the breaker of %s is not known: %s", processor, error)
        return True


def claim_probe(processor: str) -> bool:
    """Makes this thread the one that tries the processor again, if it is time and nobody else is."""
    patience = float(settings.PROCESSOR_TIMEOUT_SECONDS) + PROBE_GRACE_SECONDS
    if not _change(CLAIM_PROBE, processor, patience=patience):
        return False
    _mine()[processor] = time.monotonic() + patience
    log.warning("the breaker of %s is half open: one payment tries it", processor)
    return True


def is_probing(processor: str) -> bool:
    """Whether this thread's call is the probe. It is no more when its time is over."""
    return _mine().get(processor, 0.0) > time.monotonic()


def open_breaker(processor: str, reason: str) -> bool:
    """Whether this call opened it; False where it was not closed any more."""
    if not _change(OPEN_BREAKER, processor, reason=reason[:MAX_REASON], first=OPEN_SECONDS):
        return False
    log.error("the breaker of %s is open for %s s: %s", processor, OPEN_SECONDS, reason)
    return True


def probe_failed(processor: str, reason: str) -> None:
    """Ends this thread's probe: open again, for twice as long."""
    _mine().pop(processor, None)
    times = {"first": OPEN_SECONDS, "longest": LONGEST_OPEN_SECONDS}
    if changed := _change(PROBE_FAILED, processor, reason=reason[:MAX_REASON], **times):
        failures, until = changed
        log.error(
            "the breaker of %s is open for the %s. time, until %s: %s", processor, failures, until, reason
        )


def probe_succeeded(processor: str) -> None:
    """The processor has answered: closed, if it was time to try it."""
    _mine().pop(processor, None)
    if _change(PROBE_SUCCEEDED, processor, reason="it answers again"):
        log.warning("the breaker of %s is closed: it answers again", processor)


def close_by_hand(processor: str, reason: str) -> bool:
    """Whether there was anything to close."""
    if not _change(CLOSE_BY_HAND, processor, reason=reason[:MAX_REASON]):
        return False
    log.warning("the breaker of %s is closed: %s", processor, reason)
    return True


def _change(statement: str, processor: str, **values: str | float) -> tuple[int, datetime] | None:
    """A change of state: what it led to, or None where another came first. One round trip by itself; inside a
    caller's transaction part of it, and whoever wants to change the same waits for its end."""
    given: dict[str, str | float] = {"processor": processor, **values}
    changed: tuple[int, datetime] | None
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(statement, given)
            changed = cursor.fetchone()
    else:
        changed = next(iter(run_statement(statement, given)), None)
    _breakers.expire()
    return changed


def _read_breakers() -> Mapping[str, Health]:
    return {
        row.processor: Health(row.state, row.since, row.open_until, row.last_reason)
        for row in ProcessorHealth.objects.all()
    }


def _mine() -> dict[str, float]:
    """The processors that this thread tries again at the moment, and until when it may."""
    try:
        mine: dict[str, float] = _probes.until
    except AttributeError:
        mine = _probes.until = {}
    return mine


_breakers = Remembered(_read_breakers, seconds=READ_SECONDS)
