"""Proves the seals: reads every sealed entry again, one batch at a time, and says which one is not what it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from ledger import leaves
from ledger.checks import MAX_FINDINGS, Finding
from ledger.clusters import Move, moves
from ledger.leaves import (
    BROUGHT,
    BROUGHT_AUDIT,
    BROUGHT_LIMITS,
    NEXT,
    NEXT_AUDIT,
    NEXT_LIMITS,
    TABLE_BITS,
    Covered,
    Leaves,
    read_kept,
)
from ledger.merkle import NOTHING
from ledger.models import LedgerLimit, LedgerSeal
from ledger.seals import hash_of

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's end at some time, as it is kept outside of the database."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


class AnchorInvalid(Exception):
    """The file with heads can not be read as one; the message names the line."""


def head() -> Head | None:
    """The last seal's number and hash: whoever has it can tell whether the chain up to there is still the same."""
    last = LedgerSeal.objects.defer("leaves").order_by("-number").first()
    return Head(last.number, bytes(last.hash).hex()) if last else None


def read_heads(path: Path) -> list[Head]:
    """Heads as `seal_heads` prints them, one a line. AnchorInvalid where a line is none, or the file has none."""
    heads = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip():
            try:
                seal, hashed = line.split()
                heads.append(Head(int(seal), bytes.fromhex(hashed).hex()))
            except ValueError:
                raise AnchorInvalid(f"{path}, line {number}: not a head of seals: {line[:100]!r}") from None
    if not heads:
        raise AnchorInvalid(f"{path} holds no head of seals.")
    return heads


def wrong_seals(anchor: list[Head], progress: Progress) -> Iterator[Finding]:
    """Every difference between the seals, what they cover, and the heads. `progress` hears how many entries of how
    a batch were read. One batch is in memory at a time."""
    expected = {known.number: known.hash for known in anchor}
    moved = moves()
    before: LedgerSeal | None = None
    for number in LedgerSeal.objects.order_by("number").values_list("number", flat=True).iterator():
        seal = LedgerSeal.objects.get(pk=number)
        yield from _wrong_link(seal, before)
        wanted = expected.pop(number, None)
        if wanted not in (None, bytes(seal.hash).hex()):
            yield Finding(str(seal), "has another hash than the head that was kept outside")
        yield from _wrong_entries(seal, before, moved)
        progress(seal.entries)
        seal.leaves = b""
        before = seal
    for number in sorted(expected):
        yield Finding(f"seal {number}", "is gone, its head was kept outside: the chain was rewound")


def _wrong_link(seal: LedgerSeal, before: LedgerSeal | None) -> Iterator[Finding]:
    if seal.number != (before.number + 1 if before else 1):
        yield Finding(str(seal), f"follows {before or 'nothing'}: seals in between are gone")
    elif bytes(seal.previous) != (bytes(before.hash) if before else NOTHING):
        yield Finding(str(seal), f"is not linked to {before or 'the beginning'}")
    if bytes(seal.hash) != hash_of(seal):
        yield Finding(str(seal), "was changed: its hash is that of something else")


def _wrong_entries(seal: LedgerSeal, before: LedgerSeal | None, moved: list[Move]) -> Iterator[Finding]:
    found = Leaves(_covered(seal, before, moved))
    if found.root == bytes(seal.root):
        return
    sealed, present = read_kept(bytes(seal.leaves)), read_kept(found.kept)
    wrong = sorted({kept for kept, _ in sealed.items() ^ present.items()})
    if not wrong:
        yield Finding(str(seal), "covers other content than it says, and so does its list of entries")
    for kept in wrong[:MAX_FINDINGS]:
        yield Finding(
            _name(kept), f"{_what_is_wrong(kept, sealed, present)} ({seal}, {seal.sealed_at:%F %T} UTC)"
        )
    if len(wrong) > MAX_FINDINGS:
        yield Finding(str(seal), f"{len(wrong) - MAX_FINDINGS} further entries of it are wrong")


def _name(kept: int) -> str:
    row_id = kept & ~TABLE_BITS
    match kept & TABLE_BITS:
        case leaves.LIMIT:
            limit = LedgerLimit.objects.select_related("account").filter(pk=row_id).first()
            return (
                f"limit {row_id} of {limit.account} ({limit.kind or 'every kind'})"
                if limit
                else f"limit {row_id}"
            )
        case leaves.PROOF:
            return f"proof {row_id} of a limit"
        case leaves.AUDIT:
            return f"audit line {row_id}"
        case _:
            return f"entry {row_id}"


def _what_is_wrong(kept: int, sealed: dict[int, bytes], present: dict[int, bytes]) -> str:
    table, row_id = kept & TABLE_BITS, kept & ~TABLE_BITS
    if kept not in sealed:
        return "was added to what is sealed"
    if table == leaves.LIMIT:
        return "was changed, or its account was" if kept in present else "is gone"
    if table == leaves.AUDIT:
        return "was changed" if kept in present else "is gone"
    if table == leaves.PROOF:
        return "was changed" if kept in present else "is gone, or its transaction is"
    if kept in present:
        return "was changed, or its transaction or its account was"
    with connection.cursor() as cursor:
        cursor.execute("SELECT transaction_id FROM ledger_entry WHERE id = %s", [row_id])
        row = cursor.fetchone()
    return "is gone" if row is None else f"left its place, or its transaction {row[0]} did or is gone"


def _covered(seal: LedgerSeal, before: LedgerSeal | None, moved: list[Move]) -> Covered:
    values = {
        "base_id": seal.base_id,
        "limit_base_id": seal.limit_base_id,
        "audit_base_id": seal.audit_base_id,
        "since": str(before.watermark if before else 0),
        "watermark": str(seal.watermark),
    }
    if before is not None and before.system_identifier != seal.system_identifier:
        old = {
            "old_base_id": before.base_id,
            "old_limit_base_id": before.limit_base_id,
            "old_audit_base_id": before.audit_base_id,
        }
        return Covered(BROUGHT, BROUGHT_LIMITS, BROUGHT_AUDIT, values | old)
    later = next((move for move in moved if move.number > seal.number), None)
    if later is None:
        return Covered(NEXT, NEXT_LIMITS, NEXT_AUDIT, values)
    # A later cluster counts its transactions anew: what it booked has numbers of ours, and higher ids.
    return Covered(
        f"{NEXT} AND t.id <= %(brought)s",
        f"{NEXT_LIMITS} AND l.id <= %(limits_brought)s",
        f"{NEXT_AUDIT} AND a.id <= %(audit_brought)s",
        values
        | {
            "brought": later.base_id,
            "limits_brought": later.limit_base_id,
            "audit_brought": later.audit_base_id,
        },
    )
