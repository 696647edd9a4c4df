"""What judging a payment takes, and its share of a charge: as shipped, and with many rules, a score and history to
look up. Times of the verdicts are those that their decisions hold."""

import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from bench.replays import Client
from bench.report import Stages
from bench.room import Room
from bench.scenarios import Figures

# Rules and models are followed within seconds.
MOST_FOLLOW_SECONDS = 30
WARM_UP = 20
OF_MERCHANT = "merchant_id = (SELECT id FROM merchants_merchant WHERE public_id = %s)"


class NotFollowed(RuntimeError):
    """Web does not judge by what was put there."""


@dataclass(frozen=True)
class Run:
    """In microseconds, in the order of the charges."""

    charges: Sequence[float]
    verdicts: Sequence[float]

    def figures(self, name: str) -> Figures:
        charge, verdict = _quantiles(self.charges), _quantiles(self.verdicts)
        return {
            f"{name}_p50_us": verdict[0],
            f"{name}_p99_us": verdict[1],
            f"{name}_p50_share_of_charge": verdict[0] / charge[0],
            f"{name}_p99_share_of_charge": verdict[1] / charge[1],
            # Of all the time that charges took.
            f"{name}_share_of_charges": sum(self.verdicts) / sum(self.charges),
        }


def verdicts(room: Room, stages: Stages, *, seconds: float) -> Figures:
    """Charges one at a time, as shipped and then with a stock of rules and a model: both in one run."""
    merchant, key = room.new_merchant("Judged")
    client = Client(room.port, key)
    stages.stage("verdicts", seconds)
    shipped = _run(room, client, merchant, seconds / 2)
    room.command("stock_risk")
    _until_scored(room, client, merchant)
    stages.stage("verdicts, full", seconds)
    full = _run(room, client, merchant, seconds / 2)
    return {
        **shipped.figures("shipped"),
        **full.figures("full"),
        "full_to_shipped": _quantiles(full.verdicts)[0] / _quantiles(shipped.verdicts)[0],
    }


def _run(room: Room, client: Client, merchant: str, seconds: float) -> Run:
    for _ in range(WARM_UP):
        client.charge(str(uuid.uuid4()))
    first = _last(room, merchant)
    charges: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or len(charges) < 2:
        began = time.perf_counter()
        client.charge(str(uuid.uuid4()))
        charges.append((time.perf_counter() - began) * 1e6)
    with room.books() as books:
        took = books.execute(
            f"SELECT took_microseconds FROM risk_decision WHERE {OF_MERCHANT} AND id > %s ORDER BY id",
            [merchant, first],
        ).fetchall()
    if len(took) != len(charges):
        raise NotFollowed(f"{len(charges)} charges have {len(took)} decisions")
    return Run(charges, [float(microseconds) for (microseconds,) in took])


def _until_scored(room: Room, client: Client, merchant: str) -> None:
    """Every process of web has its own memory of what is live: a row of charges must have a score."""
    ends, in_a_row = time.monotonic() + MOST_FOLLOW_SECONDS, 0
    while in_a_row < WARM_UP:
        if time.monotonic() > ends:
            raise NotFollowed(f"no score within {MOST_FOLLOW_SECONDS} s")
        client.charge(str(uuid.uuid4()))
        with room.books() as books:
            row = books.execute(
                "SELECT score, jsonb_array_length(results) FROM risk_decision WHERE id = %s",
                [_last(room, merchant)],
            ).fetchone()
        in_a_row = in_a_row + 1 if row and row[0] >= 0 and row[1] > 1 else 0


def _last(room: Room, merchant: str) -> int:
    with room.books() as books:
        query = f"SELECT coalesce(max(id), 0) FROM risk_decision WHERE {OF_MERCHANT}"
        row = books.execute(query, [merchant]).fetchone()
    assert row
    return int(row[0])


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[98]
