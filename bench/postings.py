"""How many postings a second the ledger takes, to one merchant and to a thousand: by its own door, by pgbench with
the same statement, and next to what django-hordak posts, in the same run."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import psycopg

from bench.reference import Reference, pgbench_command
from bench.report import Stages
from bench.room import Room, open_store
from bench.stored import WronglyStored
from gateway.plan import ROOT

KIND = "bench_posting"
BANK, OF_MERCHANT = "bank:bench", "merchant:{}:bench"
MERCHANTS = 1_000
PROCESSES, THREADS = 2, 8
PEER = Path(__file__).with_name("hordak")
PEER_PYTHON = ROOT / ".venv" / "hordak" / "bin" / "python"
STORED = """
    SELECT count(*), count(DISTINCT t.reference), coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0)
    FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id WHERE t.kind = %s
"""

Figures = dict[str, float]


def postings(
    room: Room,
    stages: Stages,
    *,
    seconds: int,
    merchants: int = MERCHANTS,
    rounds: int = 3,
    with_peer: bool = True,
) -> Figures:
    """Each kind of run in turn, one merchant beside a thousand: the machine drifts."""
    script = json.loads(room.command("posting_script", str(merchants)))
    alone: dict[int, list[float]] = {1: [], merchants: []}
    by_door: dict[int, list[float]] = {1: [], merchants: []}
    peer: list[float] = []
    python = _peer_python(stages) if with_peer else None
    made = 0
    for number in range(1, rounds + 1):
        for among in (1, merchants):
            stages.stage(f"pgbench to {among:,} ({number})", seconds)
            reference = _reference(room, script, among)
            run = reference.run(seconds)
            alone[among].append(run.charges_per_second)
            made += run.charges
        for among in (1, merchants):
            stages.stage(f"post to {among:,} ({number})", seconds)
            words = [str(seconds), str(among), str(PROCESSES), str(THREADS)]
            by_door[among].append(float(room.command("post_for", *words)))
            made += round(by_door[among][-1] * seconds) + PROCESSES * among
        if python is not None:
            stages.stage(f"hordak ({number})", seconds)
            peer.append(_hordak(room, python, seconds))
    _check(room, made)
    rates = {
        "pgbench": (statistics.mean(alone[1]), statistics.mean(alone[merchants])),
        "post": (statistics.mean(by_door[1]), statistics.mean(by_door[merchants])),
    }
    return {
        "pgbench_per_second": rates["pgbench"][1],
        "pgbench_one_to_thousand": rates["pgbench"][0] / rates["pgbench"][1],
        "post_per_second": rates["post"][1],
        "post_one_to_thousand": rates["post"][0] / rates["post"][1],
        "post_to_pgbench": rates["post"][1] / rates["pgbench"][1],
        **(
            {
                "hordak_per_second": statistics.mean(peer),
                "post_to_hordak": rates["post"][1] / statistics.mean(peer),
            }
            if peer
            else {}
        ),
    }


def _reference(room: Room, script: dict[str, dict[str, int] | str], among: int) -> Reference:
    file = Path(room.plan.data_dir) / "posting.sql"
    file.write_text(str(script["script"]))
    variables = script["variables"]
    assert isinstance(variables, dict)
    return Reference(room, "", pgbench_command(room, file, {**variables, "merchants": among}))


def _check(room: Room, made: int) -> None:
    """What was counted is stored, each posting whole and once."""
    with room.books() as books:
        row = books.execute(STORED, [KIND]).fetchone()
    assert row is not None
    if row != (2 * made, made, 10_000 * made):
        raise WronglyStored(f"{made} postings were made, stored are {row}")


def _peer_python(stages: Stages) -> Path | None:
    """A Python with django-hordak, made where it is missing; None, told, where it can't be had."""
    if PEER_PYTHON.exists():
        return PEER_PYTHON
    stages.stage("installing django-hordak", 0)
    folder = PEER_PYTHON.parent.parent
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(PEER_PYTHON), "-m", "pip", "install", "--quiet", "-r", str(PEER / "requirements.txt")],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            stages.console.print(f"No django-hordak to compare with: {done.stderr[-500:]}", markup=False)
            return None
    return PEER_PYTHON


def _hordak(room: Room, python: Path, seconds: int) -> float:
    store = open_store(room.postgres, "hordak", room.plan.gateway.redis_url)
    words = [store.owner_url, str(seconds), str(PROCESSES), str(THREADS)]
    done = subprocess.run(
        [str(python), str(PEER / "post.py"), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise WronglyStored(f"django-hordak failed:\n{done.stderr[-2000:]}")
    with psycopg.connect(store.owner_url) as books:
        row = books.execute("SELECT count(*) / 2 FROM hordak_leg").fetchone()
    assert row is not None and row[0] >= float(done.stdout) * seconds
    return float(done.stdout)
