"""The bank's books in one SQLite file: operations by reference, authorizations as they stand, tombstones.

One connection, used by the event loop's thread only. No rules here, only the bounds that must never break.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sandbox.answers import Answer
from sandbox.bank import Authorization

SCHEMA_VERSION = 1
COLUMNS = tuple(field.name for field in fields(Authorization))

SCHEMA = """
CREATE TABLE operations (
    sequence INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    worked INTEGER NOT NULL CHECK (worked IN (0, 1)),
    approved INTEGER NOT NULL CHECK (approved IN (0, 1)),
    answer TEXT NOT NULL
);
CREATE TABLE authorizations (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE REFERENCES operations (reference),
    state TEXT NOT NULL CHECK (state IN ('approved', 'declined', 'action_required', 'voided')),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    currency TEXT NOT NULL,
    last4 TEXT NOT NULL CHECK (length(last4) = 4),
    scenario TEXT
);
CREATE TABLE tombstones (
    reference TEXT PRIMARY KEY,
    reversed INTEGER NOT NULL CHECK (reversed IN (0, 1))
);
CREATE TABLE secret (value BLOB NOT NULL);
CREATE INDEX operations_kind ON operations (kind, worked, approved);
"""


class StoreUnusable(Exception):
    """The data file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Operation:
    reference: str
    kind: str
    fingerprint: str
    worked: bool  # False: refused at the door by a tombstone
    answer: Answer


class Store:
    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
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

    def replace_answer(self, reference: str, answer: Answer) -> None:
        """`approved` stays: it counts what the bank once did, and this is for what it undid."""
        self._db.execute(
            "UPDATE operations SET answer = ? WHERE reference = ?", (json.dumps(answer), reference)
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
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == SCHEMA_VERSION:
                return
            if version:
                raise sqlite3.DatabaseError(
                    f"its layout is version {version}, this bank reads {SCHEMA_VERSION}"
                )
            for statement in filter(str.strip, SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
