"""Holds on to the claims that this process works on: their leases are renewed while it lives and moves, so a slow
request is never taken for a dead one. What it gives up without an answer is let go, so that a retry need not wait."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from core.db import run_statement
from core.processes import me

# Two renewals may fail, or come late, before the lease is over.
RENEWALS_PER_LEASE = 3
# Letting go is tried again so often while PostgreSQL is away.
AGAIN_SECONDS = 1.0

RENEW = """
UPDATE idempotency_claim SET lease_until = now() + %(lease_seconds)s * interval '1 second'
WHERE id = ANY(%(claims)s::bigint[]) AND owner = %(owner)s AND answered_at IS NULL
RETURNING id
"""
LET_GO = """
UPDATE idempotency_claim SET owner = ''
WHERE id = ANY(%(claims)s::bigint[]) AND owner = %(owner)s AND answered_at IS NULL
RETURNING id
"""

log = logging.getLogger("tollgate.idempotency")


class _Keeper:
    """`held` maps each claim to when its lease was last seen to; one thread looks after them all."""

    def __init__(self) -> None:
        self.held: dict[int, float] = {}
        self.given_up: set[int] = set()
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def hold(self, claim_id: int) -> None:
        self.held[claim_id] = time.monotonic()
        if self._thread is None:
            self._start()

    def give_up(self, claim_id: int) -> None:
        self.given_up.add(claim_id)
        self._wanted.set()

    def look_after(self) -> None:
        """Lets go of what was given up, then renews what has been held for long."""
        if given_up := list(self.given_up):
            run_statement(LET_GO, {"claims": given_up, "owner": me()})
            self.given_up.difference_update(given_up)
        now = time.monotonic()
        due = [claim for claim, seen_to in list(self.held.items()) if now - seen_to >= _renew_seconds()]
        if not due:
            return
        lease_seconds = settings.IDEMPOTENCY_LEASE_SECONDS
        run_statement(RENEW, {"claims": due, "owner": me(), "lease_seconds": lease_seconds})
        for claim in due:
            if claim in self.held:
                self.held[claim] = now

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="claims-leases", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wanted.wait(_renew_seconds() / 2)
            self._wanted.clear()
            try:
                self.look_after()
            except Exception as error:  # whatever the database's client raises: the next look may do better
                log.warning("leases could not be renewed (%s)", type(error).__name__)
                time.sleep(AGAIN_SECONDS)
                self._wanted.set()


def _renew_seconds() -> float:
    return float(settings.IDEMPOTENCY_LEASE_SECONDS) / RENEWALS_PER_LEASE


_keeper = _Keeper()


@contextmanager
def at_work(claim_id: int | None) -> Iterator[None]:
    """While the block runs, the claim is kept from being taken over, however long it takes. A block that fails has
    no answer for it: it is let go, and a retry finishes the work."""
    if claim_id is None:
        yield
        return
    keeper = _keeper
    keeper.hold(claim_id)
    try:
        yield
    except Exception:
        keeper.give_up(claim_id)
        raise
    finally:
        keeper.held.pop(claim_id, None)


def _forget_parents_claims() -> None:
    global _keeper
    _keeper = _Keeper()


# Neither threads nor claims survive a fork.
os.register_at_fork(after_in_child=_forget_parents_claims)
