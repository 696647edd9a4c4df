"""The bank's disputes in its SQLite file: those that are to come, those that are, and the orders about them. No rules
here, only the bounds that must never break."""

import sqlite3
from typing import Any

COLUMNS = (
    "id authorization reference amount_minor currency reason state due_by opened evidence submissions act_at"
).split()
LISTED = ", ".join(COLUMNS)
MOST_LISTED = 1_000

LAYOUT = """
CREATE TABLE disputes (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    authorization TEXT NOT NULL REFERENCES authorizations (id),
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    due_by REAL NOT NULL,
    opened REAL NOT NULL,
    evidence TEXT NOT NULL,
    submissions INTEGER NOT NULL,
    act_at REAL
);
CREATE INDEX disputes_authorization ON disputes (authorization);
CREATE INDEX disputes_due ON disputes (act_at) WHERE act_at IS NOT NULL;
CREATE TABLE disputes_to_come (
    authorization TEXT PRIMARY KEY REFERENCES authorizations (id),
    due REAL
);
CREATE TABLE dispute_orders (
    reference TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL
);
"""


class DisputeStore:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def expect(self, authorization: str, due: float) -> None:
        """Once for each authorization, however often it is captured."""
        self._db.execute("INSERT OR IGNORE INTO disputes_to_come VALUES (?, ?)", (authorization, due))

    def take_expected(self, now: float) -> list[str]:
        """Those whose time has come; they stay known, and come no more."""
        rows = self._db.execute(
            "UPDATE disputes_to_come SET due = NULL WHERE due <= ? RETURNING authorization", (now,)
        ).fetchall()
        return [str(authorization) for (authorization,) in rows]

    def dispute(self, dispute_id: str) -> dict[str, Any] | None:
        found = self._select("id = ?", (dispute_id,))
        return found[0] if found else None

    def of_authorization(self, authorization: str) -> list[dict[str, Any]]:
        return self._select("authorization = ? ORDER BY sequence", (authorization,))

    def due(self, now: float) -> list[dict[str, Any]]:
        return self._select("act_at <= ? ORDER BY act_at", (now,))

    def newest(self, limit: int) -> list[dict[str, Any]]:
        return self._select("true ORDER BY sequence DESC LIMIT ?", (limit,))

    def since(self, moment: float) -> list[dict[str, Any]]:
        return self._select("opened >= ? ORDER BY sequence LIMIT ?", (moment, MOST_LISTED))

    def next_due(self) -> float | None:
        (due,) = self._db.execute(
            "SELECT min(due) FROM (SELECT min(act_at) AS due FROM disputes WHERE act_at IS NOT NULL"
            " UNION ALL SELECT min(due) FROM disputes_to_come)"
        ).fetchone()
        return due if due is None else float(due)

    def save(self, row: dict[str, Any]) -> None:
        self._db.execute(
            f"INSERT INTO disputes ({LISTED}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"  # noqa: S608
            " ON CONFLICT (id) DO UPDATE SET state = :state, due_by = :due_by, evidence = :evidence,"
            " submissions = :submissions, act_at = :act_at",
            row,
        )

    def order(self, reference: str) -> str | None:
        """The fingerprint of the order that took the reference."""
        row = self._db.execute(
            "SELECT fingerprint FROM dispute_orders WHERE reference = ?", (reference,)
        ).fetchone()
        return str(row[0]) if row else None

    def add_order(self, reference: str, fingerprint: str) -> None:
        self._db.execute("INSERT INTO dispute_orders VALUES (?, ?)", (reference, fingerprint))

    def _select(self, where: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        rows = self._db.execute(f"SELECT {LISTED} FROM disputes WHERE {where}", values)  # noqa: S608
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]
