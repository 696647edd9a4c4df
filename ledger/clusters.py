"""When the books came from another cluster: each PostgreSQL counts its transactions anew, so numbers of transactions
are compared only among what one cluster booked."""

from dataclasses import dataclass

from django.db import connection

# Each seal that was the first in another cluster, with the highest ids that were brought there.
MOVES = """
    SELECT number, base_id, limit_base_id, audit_base_id FROM (
        SELECT number, base_id, limit_base_id, audit_base_id, system_identifier,
            lag(system_identifier) OVER (ORDER BY number) AS earlier FROM ledger_seal
    ) seal WHERE earlier <> system_identifier ORDER BY number
"""
MOVED_SINCE = """
    SELECT last.number, last.base_id, last.limit_base_id, last.audit_base_id
    FROM (SELECT * FROM ledger_seal ORDER BY number DESC LIMIT 1) last
    WHERE last.system_identifier <> (SELECT system_identifier FROM pg_control_system())
"""
# Rows that a restore wrote were written by another transaction than they name.
RESTORED = """
    SELECT coalesce(max(id), 0) FROM {table} WHERE xmin::text::bigint <> xid::text::bigint & 4294967295
"""


@dataclass(frozen=True, slots=True)
class Move:
    """The number of the first seal in another cluster, and the highest ids that came along."""

    number: int
    base_id: int
    limit_base_id: int
    audit_base_id: int


def moves() -> list[Move]:
    """The move into this cluster too, when nothing was sealed here yet."""
    with connection.cursor() as cursor:
        cursor.execute(MOVES)
        found = [Move(*row) for row in cursor.fetchall()]
        cursor.execute(MOVED_SINCE)
        row = cursor.fetchone()
    if row is not None:
        number, base_id, limit_base_id, audit_base_id = row
        found.append(
            Move(
                number + 1,
                max(base_id, restored_up_to("ledger_transaction")),
                max(limit_base_id, restored_up_to("ledger_limit")),
                max(audit_base_id, restored_up_to("controls_audit")),
            )
        )
    return found


def restored_up_to(table: str) -> int:
    """The highest id that a restore brought into this cluster, where one did."""
    with connection.cursor() as cursor:
        cursor.execute(RESTORED.format(table=table))
        return int(cursor.fetchone()[0])
