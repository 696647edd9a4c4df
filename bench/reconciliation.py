"""How many lines of a processor's report are compared per second, and with which memory: a day of a hundred thousand
charges and one of a million, next to a loop that asks about each line. Each thousandth line errs, and is found."""

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg

from bench.report import Stages
from bench.room import Room

SIZES = (100_000, 1_000_000)
LOOP_LINES = 5_000
ERRS_EVERY = 1_000
COLUMNS = "number type reference id authorization currency gross fee net status created".split()

Figures = dict[str, float]

# Only what is compared, and without the guards: how charges are made is measured elsewhere.
FILL = """
    WITH numbered AS (
        SELECT n, 1000 + n %% 9000 AS amount, %(day)s::timestamptz + n * interval '1 day' / %(number)s AS moment,
            m.id AS merchant, lpad(n::text, 9, '0') AS name
        FROM merchants_merchant m, generate_series(0, %(number)s - 1) n WHERE m.public_id = %(merchant)s
    ), charge AS (
        INSERT INTO payments_charge (public_id, merchant_id, livemode, payment_intent_id, state, amount_minor,
            currency, captured_minor, fee_minor, balance_transaction, processor, source, payment_method, created_at)
        SELECT 'ch_' || %(run)s || name, merchant, false, 0, 'captured', amount, 'usd', amount, 0,
            'txn_' || %(run)s || name, 'bench', 'tok_visa', 'pm_bench', moment
        FROM numbered RETURNING id, public_id
    ), operation AS (
        INSERT INTO payments_operation (public_id, merchant_id, livemode, kind, charge_id, state, amount_minor,
            currency, processor, deadline_at, created_at)
        SELECT 'op_' || %(run)s || name, merchant, false, 'sale', charge.id, 'succeeded', amount, 'usd', 'bench',
            moment, moment
        FROM numbered JOIN charge ON charge.public_id = 'ch_' || %(run)s || name
    )
    INSERT INTO payments_balancetransaction (public_id, merchant_id, livemode, type, source, charge_id, state,
        amount_minor, currency, available_on, ledger_reference, created_at)
    SELECT 'txn_' || %(run)s || name, merchant, false, 'charge', charge.public_id, charge.id, 'pending', amount,
        'usd', moment, 'op_' || %(run)s || name || ':finish', moment
    FROM numbered JOIN charge ON charge.public_id = 'ch_' || %(run)s || name
"""
TABLES = "payments_charge, payments_operation, payments_balancetransaction"


class WronglyCompared(Exception):
    """Not every error was found, or one was that is none."""


def in_turn(room: Room, stages: Stages, *, sizes: tuple[int, int] = SIZES, loop: int = LOOP_LINES) -> Figures:
    """The small day first; it is booked too. Growth: how many times longer the large day takes for one line."""
    merchant, _ = room.new_merchant("Reports")
    small, large = (
        _measure(room, stages, merchant, number, back=len(sizes) - place, loop=loop)
        for place, number in enumerate(sizes)
    )
    per_second = large["lines"] / large["seconds"]
    small_per_second = small["lines"] / small["seconds"]
    return {
        "lines": large["lines"],
        "lines_per_second": per_second,
        "memory_mb": large["memory_mb"],
        "ratio_to_row_by_row": per_second / large["loop_per_second"],
        "row_by_row_lines_per_second": large["loop_per_second"],
        "small_lines": small["lines"],
        "small_lines_per_second": small_per_second,
        "small_memory_mb": small["memory_mb"],
        "seconds_per_line_large_to_small": small_per_second / per_second,
        "small_lines_booked_per_second": small["lines"] / small["book_seconds"],
    }


def _measure(room: Room, stages: Stages, merchant: str, number: int, *, back: int, loop: int) -> Figures:
    day = datetime.now(UTC).date() - timedelta(days=back)
    stages.stage(f"{number:,} charges", 0)
    run = f"d{back}_"
    with psycopg.connect(room.postgres.superuser_url("tollgate"), autocommit=True) as books:
        books.execute("SET session_replication_role = replica")
        books.execute(FILL, {"day": day, "number": number, "merchant": merchant, "run": run})
        books.execute(f"ANALYZE {TABLES}")
    file = room.plan.data_dir / f"settlement-{number}.csv"
    _write(file, day, run, number)
    stages.stage(f"{number:,} lines", 0)
    words = ["--book"] if back > 1 else []
    told: Figures = json.loads(room.command("compare_report", str(file), "--loop", str(loop), *words))
    file.unlink()
    wrong = -(-number // ERRS_EVERY)
    if (told["lines"], told["matched"], told["breaks"]) != (number, number - wrong, wrong):
        raise WronglyCompared(f"{number} lines with {wrong} errors were compared as {told}")
    return told


def _write(file: Path, day: date, run: str, number: int) -> None:
    sums = [0, 0, 0]
    with file.open("w", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["settlement", 1, day])
        writer.writerow(COLUMNS)
        for n in range(number):
            gross = 1_000 + n % 9_000 + (n % ERRS_EVERY == 0)
            fee = (gross * 15 + 500) // 1_000
            amounts = (gross, fee, gross - fee)
            sums = [total + amount for total, amount in zip(sums, amounts, strict=True)]
            name, moment = f"{run}{n:09}", f"{day}T12:00:00Z"
            names = ("charge", f"op_{name}", f"a_{name}", f"a_{name}", "usd")
            writer.writerow([n + 1, *names, *amounts, "settled", moment])
        writer.writerow(["total", "usd", number, *sums])
        writer.writerow(["end", number])
