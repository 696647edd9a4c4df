"""Finishes what a crash, a timeout or a vanished client left open: for the client that repeats its key, and
for the sweeper that looks after operations nobody asks about."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from core.db import load_statement, release_connection, run_statement
from core.faults import fault_point
from core.logs import logger
from core.trail import follow, note
from idempotency.errors import KeyInUse
from idempotency.keys import Answer, Key
from idempotency.leases import at_work
from idempotency.services import Abandoned, settle, take_over
from payments.attempts import Actor
from payments.models import Operation
from payments.services.ask import discover
from payments.services.finish import finish_operation, kept_answer
from payments.services.load import undertaking_of
from payments.services.timing import NEXT_LOOKS_SECONDS

CLAIM_DUE = load_statement("claim_due.sql")
# A sweep looks after this many at a time, side by side: most of its time is waiting for processors.
SWEEP_BATCH = 16
SWEEP_SECONDS = 20.0

log = logger("tollgate.payments")
_sweeping = threading.Lock()
after_take_over = fault_point("claim.after_take_over")
after_sweep_claim = fault_point("sweep.after_claim")
before_lookup = fault_point("resume.before_lookup")
after_lookup = fault_point("resume.after_lookup")


def repeat(key: Key, actor: Actor) -> Answer | None:
    """What a repeated key gets: the kept answer; or the work finished here and now, where its owner is gone;
    None where the key is free. KeyInUse while the first request lives, KeyReused for another request."""
    settled = settle(key)
    if not isinstance(settled, Abandoned):
        return settled
    if not take_over(settled):
        raise KeyInUse(key.text)
    after_take_over()
    with at_work(settled.claim_id):
        Operation.objects.filter(public_id=settled.operation, state__in=Operation.OPEN).update(
            attempts=F("attempts") + 1
        )
        return resume_operation(settled.operation, actor, as_owner=True)


def repeat_taken(key: Key, actor: Actor) -> Answer:
    """The same for a key that phase 1 found taken. KeyInUse in the rare moment that it was forgotten since."""
    if answer := repeat(key, actor):
        return answer
    raise KeyInUse(key.text)


def sweep_operations() -> int:
    """Looks after every operation that is due, once; how many. Two sweepers never take the same one.

    One sweep at a time in a process, and not for ever: a bank that is silent holds sweepers up, and the other
    threads of a worker have webhooks to send.
    """
    if not _sweeping.acquire(blocking=False):
        return 0
    try:
        return _sweep_due(until=time.monotonic() + SWEEP_SECONDS)
    finally:
        _sweeping.release()


def _sweep_due(*, until: float) -> int:
    swept = 0
    batch = {"limit": SWEEP_BATCH, "delays": list(NEXT_LOOKS_SECONDS)}
    while time.monotonic() < until and (due := run_statement(CLAIM_DUE, batch)):
        after_sweep_claim()
        with ThreadPoolExecutor(SWEEP_BATCH, thread_name_prefix="sweep") as pool:
            list(pool.map(_sweep, due))
        swept += len(due)
    return swept


def resume_operation(reference: str, actor: Actor, *, as_owner: bool = False) -> Answer:
    """Learns the outcome of an operation from its processor and ends it, if it can be learned now."""
    attempt = undertaking_of(reference)
    operation = attempt.operation
    note(operation=reference, begun_by=operation.request_id)
    before_lookup()
    if not operation.is_open:
        return kept_answer(operation)
    outcome = discover(
        attempt,
        age_seconds=(timezone.now() - operation.created_at).total_seconds(),
        timeout_seconds=settings.PROCESSOR_TIMEOUT_SECONDS,
    )
    after_lookup()
    return finish_operation(operation.pk, outcome, actor, as_owner=as_owner)


def _sweep(due: Any) -> None:
    with follow(due.request_id, task="sweep"):
        try:
            answer = resume_operation(due.public_id, Actor("sweeper"))
            log.info("swept", status=answer.status, final=answer.final)
        except Exception:
            # One that fails must not hold the others up; it is due again by its own row.
            log.exception("operation could not be swept", operation=due.public_id)
        finally:
            release_connection()
