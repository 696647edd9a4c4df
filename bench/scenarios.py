"""What is measured, and the figures that come of it."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import Answer, Load
from bench.reference import Reference, ReferenceRun
from bench.report import Stages
from bench.room import Room
from bench.usage import cpu_seconds, memory_megabytes

IN_FLIGHT = 48
# 333 arrivals a second that take 3 seconds on average are a thousand in flight.
ARRIVALS_PER_SECOND = 333
BANK_SECONDS = (1.0, 5.0)
WARM_UP_SECONDS = 3

Figures = dict[str, float]


@dataclass(frozen=True)
class Spent:
    """CPU seconds."""

    web: float = 0.0
    postgres: float = 0.0

    @classmethod
    def so_far(cls, room: Room) -> "Spent":
        return cls(cpu_seconds(room.web_process), cpu_seconds(room.postgres_process))

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.web + other.web, self.postgres + other.postgres)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.web - other.web, self.postgres - other.postgres)


def warm_up(room: Room, load: Load, stages: Stages, *, seconds: float = WARM_UP_SECONDS) -> None:
    """Connections, prepared statements, what processes remember, and tables that are not empty any more."""
    stages.stage("warming up", seconds)
    load.keep_busy(in_flight=IN_FLIGHT, seconds=seconds)
    with room.books() as books:
        books.execute("ANALYZE")


def references(reference: Reference, stages: Stages, *, seconds: int) -> Figures:
    stages.stage("reference", seconds)
    return _reference_figures([reference.run(seconds)])


def in_turn(
    room: Room, load: Load, reference: Reference, stages: Stages, *, seconds: int, rounds: int = 2
) -> dict[str, Figures]:
    """The reference and the gateway in turn, from reference to reference: the machine drifts."""
    runs: list[ReferenceRun] = []
    rates: list[float] = []
    spent, first = Spent(), len(load.answers)
    for number in range(1, rounds + 1):
        stages.stage(f"reference {number}", seconds)
        runs.append(reference.run(seconds))
        stages.stage(f"gateway_0ms {number}", seconds)
        before = Spent.so_far(room)
        rates.append(load.keep_busy(in_flight=IN_FLIGHT, seconds=seconds))
        spent += Spent.so_far(room) - before
    stages.stage(f"reference {rounds + 1}", seconds)
    runs.append(reference.run(seconds))
    answers = load.answers[first:]
    alone = _reference_figures(runs)
    return {
        "reference": alone,
        "gateway_0ms": {
            "charges_per_second": statistics.mean(rates),
            "ratio_to_reference": statistics.mean(rates) / alone["charges_per_second"],
            "web_cpu_us_per_charge": _microseconds(spent.web, len(answers)),
            "postgres_cpu_us_per_charge": _microseconds(spent.postgres, len(answers)),
            **_overheads(answers),
        },
    }


def slow_bank(
    room: Room,
    load: Load,
    stages: Stages,
    *,
    seconds: int,
    per_second: float = ARRIVALS_PER_SECOND,
    bank_seconds: tuple[float, float] = BANK_SECONDS,
) -> Figures:
    """Arrivals at a fixed rate; the window begins when as many are under way as there will be."""
    ramp, window = bank_seconds[1], 2 * seconds
    stages.stage("slow_bank_1000", ramp + window + bank_seconds[1])
    first, before, not_answered = len(load.answers), Spent.so_far(room), load.not_answered
    load.most_in_flight = 0
    began = load.arrive(
        per_second=per_second,
        seconds=ramp + window,
        bank_seconds=lambda: round(random.uniform(*bank_seconds), 3),
    )
    used = Spent.so_far(room) - before
    answers = load.answers[first:]
    in_window = sum(began + ramp <= answer.ended < began + ramp + window for answer in answers)
    return {
        "share_of_arrivals": in_window / window / per_second,
        "most_in_flight": load.most_in_flight,
        "not_answered": load.not_answered - not_answered,
        "web_cpu_us_per_charge": _microseconds(used.web, len(answers)),
        # Threads stay for a while, with what they hold.
        "web_memory_mb": memory_megabytes(room.web_process),
        **_overheads(answers),
    }


def _reference_figures(runs: Sequence[ReferenceRun]) -> Figures:
    return {
        "charges_per_second": statistics.mean(run.charges_per_second for run in runs),
        "postgres_cpu_us_per_charge": _microseconds(
            sum(run.postgres_cpu_seconds for run in runs), sum(run.charges for run in runs)
        ),
    }


def _overheads(answers: Sequence[Answer]) -> Figures:
    """What the answers took beyond the bank's own time."""
    if len(answers) < 2:
        return {}
    cuts = statistics.quantiles((answer.overhead_seconds for answer in answers), n=100)
    return {"p50_overhead_ms": cuts[49] * 1000, "p99_overhead_ms": cuts[98] * 1000}


def _microseconds(cpu_seconds: float, charges: int) -> float:
    return cpu_seconds / max(charges, 1) * 1e6
