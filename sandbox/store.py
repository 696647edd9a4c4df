"""The bank's books in one SQLite file: operations by reference, authorizations as they stand, their challenges,
refunds that will come back, tombstones.

One connection, used by the event loop's thread only. No rules here, only the bounds that must never break.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sandbox import schema
from sandbox.answers import Answer
from sandbox.bank import Authorization

COLUMNS = tuple(field.name for field in fields(Authorization))


class StoreUnusable(Exception):
    """The data file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Operation:
    reference: str
    kind: str
    fingerprint: str
    worked: bool  # False: refused at the door by a tombstone
    answer: Answer


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is needed to show it and to end it; whether it is still open, its authorization says."""

    id: str
    capture: bool
    descriptor: str | None
    return_url: str | None


class Store:
    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
            self._prepare()
            (self.secret,) = self._db.execute("SELECT value FROM secret").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise StoreUnusable(f"cannot use {path}: {error}") from error

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk when it returns. Never await inside: the event loop serialises writers."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def operation(self, reference: str) -> Operation | None:
        row = self._db.execute(
            "SELECT reference, kind, fingerprint, worked, answer FROM operations WHERE reference = ?",
            (reference,),
        ).fetchone()
        return Operation(row[0], row[1], row[2], bool(row[3]), json.loads(row[4])) if row else None

    def add_operation(self, operation: Operation) -> None:
        approved = operation.answer["status"] == "approved"
        self._db.execute(
            "INSERT INTO operations (reference, kind, fingerprint, worked, approved, answer)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                operation.reference,
                operation.kind,
                operation.fingerprint,
                operation.worked,
                approved,
                json.dumps(operation.answer),
            ),
        )

    def replace_answer(self, reference: str, answer: Answer, *, approved: bool = False) -> None:
        """`approved` counts what the bank once did: undoing it later takes nothing from that."""
        self._db.execute(
            "UPDATE operations SET answer = ?, approved = approved OR ? WHERE reference = ?",
            (json.dumps(answer), approved, reference),
        )

    def authorization(self, authorization_id: str) -> Authorization | None:
        row = self._db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM authorizations WHERE id = ?",  # noqa: S608 - our own names
            (authorization_id,),
        ).fetchone()
        return Authorization(**dict(zip(COLUMNS, row, strict=True))) if row else None

    def save_authorization(self, authorization: Authorization) -> None:
        self._db.execute(
            f"INSERT INTO authorizations ({', '.join(COLUMNS)})"  # noqa: S608 - our own names
            f" VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
            " ON CONFLICT (id) DO UPDATE SET state = :state,"
            " captured_minor = :captured_minor, refunded_minor = :refunded_minor",
            asdict(authorization),
        )

    def last4(self, reference: str) -> str | None:
        """Of the card that an authorization's reference was for."""
        row = self._db.execute(
            "SELECT last4 FROM authorizations WHERE reference = ?", (reference,)
        ).fetchone()
        return str(row[0]) if row else None

    def challenge(self, authorization_id: str) -> Challenge | None:
        """Kept after its end, for whoever comes to its page once more."""
        row = self._db.execute(
            "SELECT id, capture, descriptor, return_url FROM challenges WHERE id = ?", (authorization_id,)
        ).fetchone()
        return Challenge(row[0], bool(row[1]), row[2], row[3]) if row else None

    def add_challenge(self, challenge: Challenge) -> None:
        self._db.execute(
            "INSERT INTO challenges VALUES (:id, :capture, :descriptor, :return_url)", asdict(challenge)
        )

    def add_failing_refund(self, reference: str, due: float) -> None:
        self._db.execute("INSERT INTO failing_refunds VALUES (?, ?)", (reference, due))

    def take_failing_refunds(self, now: float) -> list[str]:
        """The references of those whose time has come; they are struck off."""
        rows = self._db.execute("SELECT reference FROM failing_refunds WHERE due <= ? ORDER BY due", (now,))
        references = [str(reference) for (reference,) in rows]
        self._db.execute("DELETE FROM failing_refunds WHERE due <= ?", (now,))
        return references

    def next_failing_refund(self) -> float | None:
        (due,) = self._db.execute("SELECT min(due) FROM failing_refunds").fetchone()
        return due if due is None else float(due)

    def tombstone(self, reference: str) -> bool | None:
        """Whether it reversed something; None when there is no tombstone."""
        row = self._db.execute("SELECT reversed FROM tombstones WHERE reference = ?", (reference,)).fetchone()
        return bool(row[0]) if row else None

    def add_tombstone(self, reference: str, *, reversed_it: bool) -> None:
        self._db.execute("INSERT INTO tombstones VALUES (?, ?)", (reference, reversed_it))

    def worked(self, reference: str | None) -> list[tuple[str, int, int]]:
        """Kind, how often it was done, how often approved."""
        return self._db.execute(
            "SELECT kind, count(*), sum(approved) FROM operations"
            " WHERE worked AND (:reference IS NULL OR reference = :reference) GROUP BY kind",
            {"reference": reference},
        ).fetchall()

    def buried(self, reference: str | None) -> tuple[int, int]:
        """How many tombstones were laid, and how many of them reversed an authorization."""
        row: tuple[int, int] = self._db.execute(
            "SELECT count(*), coalesce(sum(reversed), 0) FROM tombstones"
            " WHERE :reference IS NULL OR reference = :reference",
            {"reference": reference},
        ).fetchone()
        return row

    def newest(self, limit: int) -> list[Answer]:
        rows = self._db.execute(
            "SELECT o.answer, o.worked, a.state, a.captured_minor, a.refunded_minor, a.last4"
            " FROM operations o LEFT JOIN authorizations a ON a.reference = o.reference"
            " ORDER BY o.sequence DESC LIMIT ?",
            (limit,),
        )
        return [
            json.loads(answer)
            | {"worked": bool(worked), "state": state, "captured_now": captured, "refunded_now": refunded}
            | {"last4": last4}
            for answer, worked, state, captured, refunded, last4 in rows
        ]

    def _prepare(self) -> None:
        # Exclusive: a second bank on the same file would serialise nothing against this one.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        # FULL, not NORMAL: a bank that forgets an approval in a power cut would do the same reference twice.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            schema.prepare(self._db)
