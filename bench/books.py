"""Large books in a database of their own: what reading them costs as they grow tenfold, how fast they are sealed and
proven, and in how much memory."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import psycopg

from bench.report import Stages
from bench.room import Room
from bench.stored import WronglyStored
from gateway.plan import ROOT

MOST_ENTRIES = 10_000_000
GROWTH = 10
LINES = 4
MERCHANTS = 1_000
# As many as a seal takes at most.
BATCH = 10_000
DAYS = 365

LARGEST = "processor:bench:clearing"
PLACES = """
    INSERT INTO ledger_account (address, currency, livemode)
    SELECT place, 'usd', false FROM unnest('{processor:bench:clearing,fees:earned,fees:levies}'::text[]) place
"""
# What a year of sales leaves, half of them one merchant's. Written past the guards: they let nobody book in the past.
FILL = """
    WITH place AS MATERIALIZED (
        SELECT (SELECT id FROM ledger_account WHERE address = 'processor:bench:clearing') AS clearing,
            (SELECT id FROM ledger_account WHERE address = 'fees:earned') AS earned,
            (SELECT id FROM ledger_account WHERE address = 'fees:levies') AS levies,
            (SELECT array_agg(id ORDER BY id) FROM ledger_account WHERE merchant_id IS NOT NULL) AS accounts,
            (SELECT array_agg(merchant_id ORDER BY id) FROM ledger_account WHERE merchant_id IS NOT NULL) AS merchants
    ), sale AS MATERIALIZED (
        SELECT n, CASE WHEN mod(n, 2) = 0 THEN 1 ELSE 1 + mod(n / 2, cardinality(merchants)) END AS who,
            date_trunc('day', now()) - make_interval(days => %(days)s)
                + n * make_interval(secs => %(days)s * 86400.0 / %(most)s) AS at
        FROM place, generate_series(%(first)s::bigint, %(first)s::bigint + %(number)s - 1) n
    ), header AS (
        INSERT INTO ledger_transaction (id, reference, kind, livemode, merchant_id, occurred_at, booked_at)
        SELECT n, 'op_bench' || n || ':finish', 'sale_confirmed', false, merchants[who], at, at FROM sale, place
    )
    INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
    SELECT n, line.account, 'usd', line.amount FROM sale, place, LATERAL (VALUES
        (clearing, 10000), (accounts[who], -9680), (earned, -300), (levies, -20)) line (account, amount)
"""

Figures = dict[str, float]


@dataclass(frozen=True)
class Proof:
    seconds: float
    memory_megabytes: float


def grown(room: Room, stages: Stages, *, entries: int = MOST_ENTRIES) -> dict[str, Figures]:
    """Figures of small books, of books ten times as large, and what the growth did to each."""
    large = room.with_books("books")
    large.command("posting_script", str(MERCHANTS))
    sizes = (entries // GROWTH, entries)
    found = []
    with psycopg.connect(room.postgres.superuser_url("books"), autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(PLACES)
        booked = 0
        for size in sizes:
            booked = _fill(owner, stages, booked, size // LINES, sizes[-1] // LINES)
            owner.execute("VACUUM ANALYZE")
            found.append(_measure(large, stages, size))
    small, most = found
    growth = {name: most[name] / small[name] for name in most if name.endswith(("_ms", "_mb", "_second"))}
    return {f"books_{sizes[0]}": small, f"books_{sizes[1]}": most, "books_growth": growth}


def _fill(owner: psycopg.Connection, stages: Stages, booked: int, until: int, most: int) -> int:
    """Each batch is a database transaction, as bookings are: seals never cut one."""
    stages.stage(f"booking {LINES * until:,} entries", 0)
    while booked < until:
        number = min(BATCH, until - booked)
        owner.execute(FILL, {"first": booked + 1, "number": number, "days": DAYS, "most": most})
        booked += number
    owner.execute("SELECT setval(pg_get_serial_sequence('ledger_transaction', 'id'), %s)", [booked])
    return booked


def _measure(room: Room, stages: Stages, entries: int) -> Figures:
    stages.stage(f"sealing {entries:,} entries", 0)
    began = time.monotonic()
    room.command("seal_heads", "--seal")
    sealed_in = time.monotonic() - began
    stages.stage(f"reading {entries:,} entries", 0)
    read: Figures = json.loads(room.command("read_books"))
    stages.stage(f"verifying {entries:,} entries", 0)
    proof = _verify(room)
    with room.books() as books:
        row = books.execute("SELECT sum(entries) FROM ledger_seal").fetchone()
    # Those of a fill that was cut by the number of lines are none.
    if row is None or row[0] != entries // LINES * LINES:
        raise WronglyStored(f"{entries} entries were booked, sealed are {row}")
    return {
        **read,
        "verified_entries_per_second": entries / proof.seconds,
        "verify_memory_mb": proof.memory_megabytes,
        "seal_all_seconds": sealed_in,
    }


def _verify(room: Room) -> Proof:
    """The command as cron runs it, and the most memory that it had."""
    began = time.monotonic()
    command = [sys.executable, "manage.py", "verify_ledger", "--quiet"]
    with subprocess.Popen(
        command, env=room.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        said = running.stdout.read()
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise WronglyStored(f"verify_ledger found the books broken:\n{said[-2000:]}")
    # Linux tells it in KiB.
    return Proof(time.monotonic() - began, used.ru_maxrss / 1024)
