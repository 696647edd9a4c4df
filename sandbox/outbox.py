"""Notifications that wait to be sent, in the bank's own file: each is written in the transaction of what it tells
of, and is struck off only when its receiver has said yes. Sends nothing itself."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sandbox.notifications import Manner, Notification, pause_seconds
from sandbox.store import Store

# One that is held back for the next goes out by itself in the end.
HELD_SECONDS = 3600.0
COLUMNS = "sequence, id, type, reference, created"
LISTED = (
    "id",
    "type",
    "reference",
    "created",
    "mode",
    "status",
    "deliveries",
    "failures",
    "due",
    "last_result",
)


@dataclass(frozen=True, slots=True)
class Sent:
    """How one try ended: `result` is the status that came back, or what came instead."""

    delivered: bool
    result: str


class Outbox:
    def __init__(self, store: Store) -> None:
        self._db = store.connection
        self._transaction = store.transaction
        self.manner = Manner()
        self._urgent: list[Notification] = []

    def add(self, type_: str, reference: str) -> None:
        """Call it inside the transaction of what it tells of."""
        now, mode = time.time(), self.manner.take()
        if mode == "out_of_order" and self._holds_one():
            # This is the next one, which the one that is held waits for.
            mode = "normal"
        notification_id = f"ntf_{secrets.token_hex(12)}"
        cursor = self._db.execute(
            "INSERT INTO notifications (id, type, reference, created, mode, status, copies_left, due)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                notification_id,
                type_,
                reference,
                int(now),
                mode,
                "lost" if mode == "lost" else "waiting",
                2 if mode == "duplicated" else 1,
                now + self._delay_seconds(mode),
            ),
        )
        if mode == "before_answer":
            sequence = int(cursor.lastrowid or 0)
            self._urgent.append(Notification(sequence, notification_id, type_, reference, int(now)))

    def take_urgent(self) -> list[Notification]:
        """Those that must be delivered before the answer that is about to be given."""
        urgent, self._urgent = self._urgent, []
        return urgent

    def due(self, limit: int) -> list[Notification]:
        """In the order of their time. Of those with one reference only the first: the next follows it."""
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM notifications n WHERE status = 'waiting' AND due <= :now"  # noqa: S608
            " AND NOT EXISTS (SELECT 1 FROM notifications e WHERE e.reference = n.reference"
            "  AND e.status = 'waiting' AND e.due <= :now AND e.sequence < n.sequence)"
            " ORDER BY due, sequence LIMIT :limit",
            {"now": time.time(), "limit": limit},
        )
        return [Notification(*row) for row in rows]

    def next_due(self) -> float | None:
        """When the first of those that are not due yet will be."""
        (due,) = self._db.execute(
            "SELECT min(due) FROM notifications WHERE status = 'waiting' AND due > ?", (time.time(),)
        ).fetchone()
        return due if due is None else float(due)

    def note(self, notification: Notification, sent: Sent) -> None:
        """One copy less to send, or a later try, or none any more; and whoever waited for this one may go."""
        with self._transaction():
            if sent.delivered:
                self._delivered(notification, sent.result)
            else:
                self._failed(notification, sent.result)
            self._db.execute(
                "UPDATE notifications SET due = :now WHERE mode = 'out_of_order' AND status = 'waiting'"
                " AND due > :now AND deliveries = 0 AND failures = 0 AND sequence < :sequence",
                {"now": time.time(), "sequence": notification.sequence},
            )

    def listed(self, reference: str | None, limit: int) -> list[dict[str, Any]]:
        """The newest first."""
        rows = self._db.execute(
            f"SELECT {', '.join(LISTED)} FROM notifications"  # noqa: S608 - our own names
            " WHERE :reference IS NULL OR reference = :reference ORDER BY sequence DESC LIMIT :limit",
            {"reference": reference, "limit": limit},
        )
        return [dict(zip(LISTED, row, strict=True)) for row in rows]

    def _delay_seconds(self, mode: str) -> float:
        if mode == "out_of_order":
            return self.manner.seconds or HELD_SECONDS
        return self.manner.seconds if mode == "late" else 0.0

    def _holds_one(self) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM notifications WHERE mode = 'out_of_order' AND status = 'waiting' AND due > ?"
            " AND deliveries = 0 AND failures = 0",
            (time.time(),),
        ).fetchone()
        return row is not None

    def _delivered(self, notification: Notification, result: str) -> None:
        self._db.execute(
            "UPDATE notifications SET copies_left = copies_left - 1, deliveries = deliveries + 1, failures = 0,"
            " due = :now, last_result = :result,"
            " status = CASE WHEN copies_left > 1 THEN 'waiting' ELSE 'delivered' END WHERE sequence = :sequence",
            {"now": time.time(), "result": result, "sequence": notification.sequence},
        )

    def _failed(self, notification: Notification, result: str) -> None:
        row = self._db.execute(
            "SELECT failures + 1 FROM notifications WHERE sequence = ?", (notification.sequence,)
        ).fetchone()
        if row is None:
            # Its transaction was rolled back after all.
            return
        pause = pause_seconds(row[0])
        self._db.execute(
            "UPDATE notifications SET failures = :failures, due = :due, last_result = :result, status = :status"
            " WHERE sequence = :sequence",
            {
                "failures": row[0],
                "due": time.time() + (pause or 0.0),
                "result": result,
                "status": "given_up" if pause is None else "waiting",
                "sequence": notification.sequence,
            },
        )
