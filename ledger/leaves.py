"""What a seal is made of: every entry as one line of text, together with its transaction and its account; then every
limit that was set, what each posting saw that had to ask for one, and each line of the audit."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db import connection

from ledger import merkle

# 8 bytes of the id, 8 of the hash.
KEPT_BYTES = 16
# The highest bits of a kept id say of what table it is; entries have none.
ENTRY, LIMIT, PROOF = 0, 1 << 62, 1 << 63
AUDIT = TABLE_BITS = LIMIT | PROOF

# COPY writes a row as one unambiguous line, the same at any time and in any session with these settings.
SETTINGS = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL enable_seqscan = off"
ENTRIES = """
    COPY (
        SELECT e.id, e.account_id, e.currency, e.amount_minor,
            t.id, t.reference, t.kind, t.livemode, t.merchant_id, t.occurred_at, t.booked_at, t.reverses_id, t.xid,
            a.address, a.currency, a.livemode, a.merchant_id, a.created_at
        FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE {covered} ORDER BY e.id
    ) TO STDOUT
"""
PROOFS = """
    COPY (
        SELECT p.id, 'proof', p.transaction_id, p.account_id, p.limit_id, p.seen, p.last_entry_id
        FROM ledger_transaction t JOIN ledger_limit_proof p ON p.transaction_id = t.id
        WHERE {covered} ORDER BY p.id
    ) TO STDOUT
"""
LIMITS = """
    COPY (
        SELECT l.id, 'limit', l.account_id, l.kind, l.max_balance_minor, l.created_at, l.xid,
            a.address, a.currency, a.livemode, a.merchant_id, a.created_at
        FROM ledger_limit l LEFT JOIN ledger_account a ON a.id = l.account_id
        WHERE {covered} ORDER BY l.id
    ) TO STDOUT
"""
AUDITS = """
    COPY (
        SELECT a.id, 'audit', a.at, a.kind, a.username, a.user_id, a.address, a.request_id, a.model, a.object_id,
            a.object_name, a.summary, a.xid
        FROM controls_audit a WHERE {covered} ORDER BY a.id
    ) TO STDOUT
"""
# What became visible from one watermark to the next; and what a restored database brought along unsealed.
NEXT = "t.id > %(base_id)s AND t.xid >= %(since)s::xid8 AND t.xid < %(watermark)s::xid8"
NEXT_LIMITS = "l.id > %(limit_base_id)s AND l.xid >= %(since)s::xid8 AND l.xid < %(watermark)s::xid8"
NEXT_AUDIT = "a.id > %(audit_base_id)s AND a.xid >= %(since)s::xid8 AND a.xid < %(watermark)s::xid8"
BROUGHT = "t.id > %(old_base_id)s AND t.id <= %(base_id)s AND t.xid >= %(since)s::xid8"
BROUGHT_LIMITS = "l.id > %(old_limit_base_id)s AND l.id <= %(limit_base_id)s AND l.xid >= %(since)s::xid8"
BROUGHT_AUDIT = "a.id > %(old_audit_base_id)s AND a.id <= %(audit_base_id)s AND a.xid >= %(since)s::xid8"


@dataclass(frozen=True, slots=True)
class Covered:
    """What one seal covers: conditions on headers `t`, limits `l` and the audit `a`, with their values."""

    transactions: str
    limits: str
    audit: str
    values: dict[str, Any]


class Leaves:
    """The hashes of a batch, in the order of its entries, proofs, limits and audit lines."""

    def __init__(self, covered: Covered) -> None:
        self.hashes: list[bytes] = []
        kept = bytearray()
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
            for table, lines, condition in (
                (ENTRY, ENTRIES, covered.transactions),
                (PROOF, PROOFS, covered.transactions),
                (LIMIT, LIMITS, covered.limits),
                (AUDIT, AUDITS, covered.audit),
            ):
                for line in _lines(cursor, lines.format(covered=condition), covered.values):
                    digest = merkle.leaf_hash(line)
                    self.hashes.append(digest)
                    kept += (table | int(line.split(b"\t", 1)[0])).to_bytes(8, "big") + digest[:8]
                if table == ENTRY:
                    self.entries = len(self.hashes)
        self.kept = bytes(kept)

    @property
    def root(self) -> bytes:
        return merkle.root(self.hashes)


def read_kept(kept: bytes) -> dict[int, bytes]:
    """By kept id, the half of its hash."""
    return {
        int.from_bytes(kept[at : at + 8], "big"): kept[at + 8 : at + KEPT_BYTES]
        for at in range(0, len(kept), KEPT_BYTES)
    }


def seal_hash(*parts: object) -> bytes:
    """Over all that a seal says, in the order of its columns."""
    return sha256(
        "\n".join(part.hex() if isinstance(part, bytes) else str(part) for part in parts).encode()
    ).digest()


def _lines(cursor: Any, sql: str, values: dict[str, Any]) -> Iterator[bytes]:
    rest = b""
    with cursor.copy(sql, values) as copy:
        for block in copy:
            *whole, rest = (rest + bytes(block)).split(b"\n")
            yield from whole
