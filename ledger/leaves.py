"""What a seal is made of: every entry as one line of text, together with its transaction and its account."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from django.db import connection

from ledger import merkle

# 8 bytes of the id, 8 of the hash.
KEPT_BYTES = 16

# COPY writes a row as one unambiguous line, the same at any time and in any session with these settings.
SETTINGS = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL enable_seqscan = off"
LINES = """
    COPY (
        SELECT e.id, e.account_id, e.currency, e.amount_minor,
            t.id, t.reference, t.kind, t.livemode, t.merchant_id, t.occurred_at, t.booked_at, t.reverses_id, t.xid,
            a.address, a.currency, a.livemode, a.merchant_id, a.created_at
        FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE {covered} ORDER BY e.id
    ) TO STDOUT
"""
# What became visible from one watermark to the next; and what a restored database brought along unsealed.
NEXT = "t.id > %(base_id)s AND t.xid >= %(since)s::xid8 AND t.xid < %(watermark)s::xid8"
BROUGHT = "t.id > %(old_base_id)s AND t.id <= %(base_id)s AND t.xid >= %(since)s::xid8"


class Leaves:
    """The hashes of a batch, in the order of its entries."""

    def __init__(self, covered: str, values: dict[str, Any]) -> None:
        self.hashes: list[bytes] = []
        kept = bytearray()
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
            for line in _lines(cursor, covered, values):
                digest = merkle.leaf_hash(line)
                self.hashes.append(digest)
                kept += int(line.split(b"\t", 1)[0]).to_bytes(8, "big") + digest[:8]
        self.kept = bytes(kept)

    @property
    def root(self) -> bytes:
        return merkle.root(self.hashes)


def read_kept(kept: bytes) -> dict[int, bytes]:
    """By entry, the half of its hash."""
    return {
        int.from_bytes(kept[at : at + 8], "big"): kept[at + 8 : at + KEPT_BYTES]
        for at in range(0, len(kept), KEPT_BYTES)
    }


def seal_hash(*parts: object) -> bytes:
    """Over all that a seal says, in the order of its columns."""
    return sha256(
        "\n".join(part.hex() if isinstance(part, bytes) else str(part) for part in parts).encode()
    ).digest()


def _lines(cursor: Any, covered: str, values: dict[str, Any]) -> Iterator[bytes]:
    rest = b""
    with cursor.copy(LINES.format(covered=covered), values) as copy:
        for block in copy:
            *whole, rest = (rest + bytes(block)).split(b"\n")
            yield from whole
