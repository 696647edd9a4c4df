"""The layout of the bank's data file, and how a file of an older bank becomes one of this bank: one step for each
version, in one transaction. A step that was released is never changed."""

import json
import secrets
import sqlite3
from collections.abc import Callable

from sandbox.answers import Answer, challenge_ended
from sandbox.bank import AUTHENTICATION_FAILED, VOIDED
from sandbox.dispute_store import LAYOUT as DISPUTES
from sandbox.payout_layout import LAYOUT as PAYOUTS

BOOKS = """
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

# A challenge is open while its authorization awaits it: its state is kept there alone.
STORIES = """
CREATE TABLE challenges (
    id TEXT PRIMARY KEY REFERENCES authorizations (id),
    capture INTEGER NOT NULL CHECK (capture IN (0, 1)),
    descriptor TEXT,
    return_url TEXT
);
CREATE TABLE failing_refunds (
    reference TEXT PRIMARY KEY REFERENCES operations (reference),
    due REAL NOT NULL
);
CREATE TABLE notifications (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    reference TEXT NOT NULL,
    created INTEGER NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'delivered', 'given_up', 'lost')),
    copies_left INTEGER NOT NULL CHECK (copies_left >= 0),
    deliveries INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    last_result TEXT
);
CREATE INDEX notifications_due ON notifications (due) WHERE status = 'waiting';
CREATE INDEX notifications_reference ON notifications (reference);
"""

# Each movement of money until a day's file has reported it; what the files said, and what was paid with them.
REPORTS = """
CREATE TABLE movements (
    sequence INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    reference TEXT NOT NULL,
    id TEXT NOT NULL,
    authorization TEXT NOT NULL,
    currency TEXT NOT NULL,
    gross INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    created INTEGER NOT NULL,
    status TEXT NOT NULL,
    settled_on TEXT
);
CREATE INDEX movements_to_settle ON movements (sequence) WHERE settled_on IS NULL;
CREATE INDEX movements_reference ON movements (reference);
CREATE TABLE settlements (day TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE settlement_lines (currency TEXT NOT NULL, gross INTEGER NOT NULL);
CREATE TABLE settlement_payouts (
    day TEXT NOT NULL REFERENCES settlements (day),
    id TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL
);
CREATE TABLE settlement_errors (reference TEXT PRIMARY KEY, error TEXT NOT NULL);
"""

# What the bank paid from its customer's account on the customer's order, and what came back to it.
ACCOUNT = """
CREATE TABLE account_entries (
    sequence INTEGER PRIMARY KEY,
    reference TEXT NOT NULL,
    id TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    created INTEGER NOT NULL,
    stated_on TEXT
);
CREATE INDEX account_entries_to_state ON account_entries (sequence) WHERE stated_on IS NULL;
"""


def prepare(db: sqlite3.Connection) -> None:
    """A new file is laid out, an older one brought up to date; call it inside a transaction."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= len(STEPS):
        raise sqlite3.DatabaseError(f"its layout is version {version}, this bank reads up to {len(STEPS)}")
    for step in STEPS[version:]:
        step(db)
    # A pragma takes no parameters; the number is ours.
    db.execute(f"PRAGMA user_version = {len(STEPS)}")


def _lay_out_books(db: sqlite3.Connection) -> None:
    _run(db, BOOKS)
    db.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))


def _add_stories(db: sqlite3.Connection) -> None:
    """Authentications that an older bank asked for had no page to take place on, and it did not write down
    whether to capture: they have failed, and nothing was taken."""
    _run(db, STORIES)
    rows = db.execute(
        "SELECT o.reference, o.answer, a.state FROM authorizations a"
        " JOIN operations o ON o.reference = a.reference WHERE a.state IN ('action_required', 'voided')"
    ).fetchall()
    for reference, text, state in rows:
        answer: Answer = json.loads(text)
        if answer["status"] == "action_required":
            ended = challenge_ended(answer, VOIDED if state == "voided" else AUTHENTICATION_FAILED)
            db.execute("UPDATE operations SET answer = ? WHERE reference = ?", (json.dumps(ended), reference))
    db.execute("UPDATE authorizations SET state = 'declined' WHERE state = 'action_required'")


def _add_disputes(db: sqlite3.Connection) -> None:
    _run(db, DISPUTES)


def _add_reports(db: sqlite3.Connection) -> None:
    """What an older bank did is not reported any more: its days are over."""
    _run(db, REPORTS)


def _add_payouts(db: sqlite3.Connection) -> None:
    _run(db, PAYOUTS)


def _add_account(db: sqlite3.Connection) -> None:
    """What an older bank paid out is on no statement: its days are over."""
    _run(db, ACCOUNT)


def _run(db: sqlite3.Connection, script: str) -> None:
    """Statement by statement: executescript would commit the transaction that it runs in."""
    for statement in filter(str.strip, script.split(";")):
        db.execute(statement)


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _lay_out_books,
    _add_stories,
    _add_disputes,
    _add_reports,
    _add_payouts,
    _add_account,
)
