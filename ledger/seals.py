"""Seals what has become visible. A transaction may commit after others that began later and have higher ids, so
batches follow PostgreSQL's snapshots: what is below the oldest one that still runs can not change any more."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from core.db import in_transaction
from ledger import snapshots
from ledger.clusters import restored_up_to
from ledger.leaves import (
    BROUGHT,
    BROUGHT_AUDIT,
    BROUGHT_LIMITS,
    NEXT,
    NEXT_AUDIT,
    NEXT_LIMITS,
    Covered,
    Leaves,
    seal_hash,
)
from ledger.merkle import NOTHING
from ledger.models import LedgerSeal

# A batch is one short transaction, and what is read again to say which entry of it is wrong.
MAX_TRANSACTIONS = 10_000

NOW = """
    SELECT pg_try_advisory_xact_lock(%s), (SELECT system_identifier FROM pg_control_system()),
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""
# The first of those that would be too many; without one, everything.
CUT = """
    SELECT min(xid)::text::bigint, (array_agg(xid ORDER BY xid))[%(most)s + 1]::text::bigint, count(*) FROM (
        SELECT t.xid FROM ledger_transaction t WHERE {covered} ORDER BY t.xid LIMIT %(most)s + 1
    ) next
"""
COUNT = "SELECT count(*) FROM ledger_transaction t WHERE {covered}"
OTHERS_WAIT = """
    SELECT EXISTS (SELECT FROM ledger_limit l WHERE {limits}) OR EXISTS (SELECT FROM controls_audit a WHERE {audit})
"""
TAIL = """
    SELECT count(*), min(t.booked_at) FROM ledger_transaction t, ledger_mark() mark
    WHERE {unsealed}
"""
Check = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Tail:
    """What no seal covers yet."""

    transactions: int
    oldest: datetime | None


def seal_all(check: Check | None = None) -> int:
    """Seals until nothing is left that can be; how many transactions were sealed. `check` is called within the
    transaction of each batch, with the condition that names it."""
    sealed = 0
    while (seal := seal_next(check)) is not None:
        sealed += seal.transactions
    return sealed


@in_transaction
def seal_next(check: Check | None = None) -> LedgerSeal | None:
    """One more batch; None where nothing new is visible, or somebody else is sealing."""
    with connection.cursor() as cursor:
        cursor.execute(NOW, [snapshots.SEALING])
        (mine, system_identifier, visible_below) = cursor.fetchone()
    if not mine:
        return None
    last = LedgerSeal.objects.order_by("-number").first()
    if last is not None and last.system_identifier != system_identifier:
        covered = _brought(last)
    else:
        found = _next(last, visible_below)
        if found is None:
            return None
        covered = found
    return _seal(last, system_identifier, covered, check)


def _brought(last: LedgerSeal) -> Covered:
    values = {
        "old_base_id": last.base_id,
        "base_id": max(last.base_id, restored_up_to("ledger_transaction")),
        "old_limit_base_id": last.limit_base_id,
        "limit_base_id": max(last.limit_base_id, restored_up_to("ledger_limit")),
        "old_audit_base_id": last.audit_base_id,
        "audit_base_id": max(last.audit_base_id, restored_up_to("controls_audit")),
        "since": str(last.watermark),
        # This cluster's transactions are counted from here.
        "watermark": "0",
    }
    return Covered(BROUGHT, BROUGHT_LIMITS, BROUGHT_AUDIT, values)


def _next(last: LedgerSeal | None, visible_below: int) -> Covered | None:
    values = {
        "base_id": last.base_id if last else 0,
        "limit_base_id": last.limit_base_id if last else 0,
        "audit_base_id": last.audit_base_id if last else 0,
        "since": str(last.watermark if last else 0),
        "watermark": str(visible_below),
    }
    cut = _cut(values)
    if cut is None:
        return None
    return Covered(NEXT, NEXT_LIMITS, NEXT_AUDIT, values | {"watermark": str(cut)})


def unsealed() -> Tail:
    """What is booked and not sealed yet, and since when."""
    mark_known = "SELECT watermark IS NOT NULL FROM ledger_mark()"
    with connection.cursor() as cursor:
        cursor.execute(mark_known)
        condition = (
            "t.id > mark.base_id AND t.xid >= mark.watermark"
            if cursor.fetchone()[0]
            else f"NOT {snapshots.SEALED}"
        )
        cursor.execute(TAIL.format(unsealed=condition))
        return Tail(*cursor.fetchone())


def hash_of(seal: LedgerSeal) -> bytes:
    return seal_hash(
        seal.number,
        bytes(seal.previous),
        bytes(seal.root),
        seal.transactions,
        seal.entries,
        seal.watermark,
        seal.base_id,
        seal.system_identifier,
        seal.sealed_at.isoformat(),
        # Seals from before there was one have none, and keep their hash.
        *([seal.limit_base_id] if seal.limit_base_id else []),
        *([f"audit {seal.audit_base_id}"] if seal.audit_base_id else []),
    )


def _seal(
    last: LedgerSeal | None,
    system_identifier: int,
    covered: Covered,
    check: Check | None,
) -> LedgerSeal:
    leaves, values = Leaves(covered), covered.values
    with connection.cursor() as cursor:
        cursor.execute(COUNT.format(covered=covered.transactions), values)
        (transactions,) = cursor.fetchone()
    seal = LedgerSeal(
        number=last.number + 1 if last else 1,
        previous=bytes(last.hash) if last else NOTHING,
        root=leaves.root,
        transactions=transactions,
        entries=leaves.entries,
        leaves=leaves.kept,
        watermark=int(values["watermark"]),
        base_id=values["base_id"],
        limit_base_id=values["limit_base_id"],
        audit_base_id=values["audit_base_id"],
        system_identifier=system_identifier,
        sealed_at=timezone.now(),
    )
    seal.hash = hash_of(seal)
    snapshots.add(covered.transactions, values)
    if check is not None:
        check(covered.transactions, values)
    seal.save(force_insert=True)
    return seal


def _cut(values: dict[str, Any]) -> int | None:
    """The watermark of the next batch. One database transaction is never cut, however much it booked."""
    with connection.cursor() as cursor:
        cursor.execute(CUT.format(covered=NEXT), {**values, "most": MAX_TRANSACTIONS})
        first, beyond, number = cursor.fetchone()
        cursor.execute(OTHERS_WAIT.format(limits=NEXT_LIMITS, audit=NEXT_AUDIT), values)
        (others_wait,) = cursor.fetchone()
    if not number and not others_wait:
        return None
    if beyond is None:
        return int(values["watermark"])
    return int(beyond if beyond > first else first + 1)
