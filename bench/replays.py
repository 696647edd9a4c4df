"""What a repeated key costs, next to a first request; and what the idempotency layer adds to a charge."""

import itertools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import urllib3

from bench.report import Stages
from bench.room import Room
from bench.scenarios import Figures, Spent

FORM = b"amount=10000&currency=usd&source=tok_visa&description=Repeated"
ROUNDS = 3
KEYS = 50


@dataclass(frozen=True)
class Run:
    requests: int = 0
    seconds: float = 0.0
    web_cpu_seconds: float = 0.0

    def __add__(self, other: "Run") -> "Run":
        return Run(
            self.requests + other.requests,
            self.seconds + other.seconds,
            self.web_cpu_seconds + other.web_cpu_seconds,
        )

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def web_cpu_us(self) -> float:
        return self.web_cpu_seconds / self.requests * 1e6


def replays(room: Room, key: str, stages: Stages, *, seconds: int) -> Figures:
    """First requests and replays in turn, one at a time: the machine drifts. `layer_share` is the layer's own time,
    measured alone, as a share of a first request's."""
    stages.stage("replays", seconds)
    client = Client(room.port, key)
    known = [str(uuid.uuid4()) for _ in range(KEYS)]
    # Asked for twice: the second answer comes from PostgreSQL, and goes to Redis.
    for each in known * 2:
        client.charge(each)
    again, first, replay = itertools.cycle(known), Run(), Run()
    for _ in range(ROUNDS):
        share = seconds / ROUNDS / 2
        first += _timed(room, share, lambda: client.charge(str(uuid.uuid4())))
        replay += _timed(room, share, lambda: client.charge(next(again), replayed=True))
    return {
        "replays_per_second": replay.per_second,
        "ratio_to_first": replay.per_second / first.per_second,
        "web_cpu_share_of_first": replay.web_cpu_us / first.web_cpu_us,
        "layer_share_of_charge": float(room.command("layer_cost")) * first.per_second,
    }


class Client:
    def __init__(self, port: int, key: str) -> None:
        self._pool = urllib3.PoolManager(retries=False)
        self._url = f"http://127.0.0.1:{port}/v1/charges"
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def charge(self, key: str, *, replayed: bool = False) -> None:
        answer = self._pool.request(
            "POST", self._url, body=FORM, headers={**self._headers, "Idempotency-Key": key}
        )
        if answer.status != 200 or (replayed and answer.headers.get("Idempotent-Replayed") != "true"):
            raise RuntimeError(f"not what was to be measured: {answer.status} {answer.data[:300]!r}")


def _timed(room: Room, seconds: float, act: Callable[[], None]) -> Run:
    before, began, requests = Spent.so_far(room), time.monotonic(), 0
    while time.monotonic() < began + seconds:
        act()
        requests += 1
    took = time.monotonic() - began
    return Run(requests, took, (Spent.so_far(room) - before).web)
