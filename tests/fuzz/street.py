"""What lies between the gateway and its banks: how the next calls go, what happens meanwhile, where we die."""

import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from core import faults
from payments import services


class Crash(BaseException):
    """A process dies here. Not an Exception: nothing may catch it and go on."""


class Order(StrEnum):
    """How a bank meets one order. What does not fit the order's kind goes honestly."""

    HONEST = "honest"
    DECLINES = "declines"
    CHALLENGES = "challenges"
    # NotSent: provably not done, by a broken line or the bank's own word.
    UNREACHABLE = "unreachable"
    TURNS_AWAY = "turns away"
    # No answer: done, never arrived, or still on its way.
    SILENT = "silent"
    LOST = "lost"
    LATE = "late"
    UNDECIDED = "undecided"
    # Says that nothing was done, and has done it.
    LIES = "lies"
    # We die during the call.
    DIES_BEFORE = "we die before it is done"
    DIES_AFTER = "we die after it was done"


class Look(StrEnum):
    """How a bank meets one lookup, or one void by reference."""

    HONEST = "honest"
    UNKNOWN = "unknown reference"
    AWAY = "away"


@dataclass(frozen=True)
class Faults:
    """How the next orders and lookups go, in this order; honestly when these are used up."""

    orders: tuple[Order, ...] = ()
    looks: tuple[Look, ...] = ()

    def __repr__(self) -> str:
        return f"Faults({', '.join(self.orders) or '-'}; {', '.join(self.looks) or '-'})"


@dataclass(frozen=True)
class Meanwhile:
    """What happens while a bank works on the next order: by another thread, to its end."""

    act: Callable[[], object]
    after_the_work: bool


class Street:
    """One step's faults, for both banks. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._looks: list[Look] = []
        self._meanwhile: Meanwhile | None = None
        self._deadly = ""
        # What a bank has to say of how it was called. Must stay empty.
        self.complaints: list[str] = []

    @contextmanager
    def disturbed(self, given: Faults) -> Iterator[None]:
        self._orders, self._looks = list(given.orders), list(given.looks)
        try:
            yield
        finally:
            self._orders, self._looks, self._meanwhile, self._deadly = [], [], None, ""

    def next_order(self) -> Order:
        with self._lock:
            return self._orders.pop(0) if self._orders else Order.HONEST

    def next_look(self) -> Look:
        with self._lock:
            return self._looks.pop(0) if self._looks else Look.HONEST

    def plan(self, meanwhile: Meanwhile) -> None:
        self._meanwhile = meanwhile

    def pass_time(self, *, after_the_work: bool) -> None:
        """Called by a bank, before and after the work of each order."""
        with self._lock:
            planned = self._meanwhile
            if planned is None or planned.after_the_work != after_the_work:
                return
            self._meanwhile = None
        in_threads([planned.act])

    def make_deadly(self, point: str) -> None:
        """Whoever comes by this fault point first dies there."""
        self._deadly = point

    def reach(self, point: str) -> None:
        with self._lock:
            if self._deadly != point:
                return
            self._deadly = ""
        raise Crash(point)


def in_threads(acts: Iterable[Callable[[], object]]) -> None:
    """All at once, each in a thread with a connection of its own; raises what the first of them raised. A thread
    that died leaves the others to finish."""
    acts = list(acts)
    gate = threading.Barrier(len(acts))
    errors: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act], daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a step hangs"
    for error in sorted(errors, key=lambda error: isinstance(error, Crash)):
        raise error


def fault_points() -> dict[str, tuple[object, str]]:
    """Every named point in the services of payments, by module and name: where to put something deadly."""
    found: dict[str, tuple[object, str]] = {}
    for module in pkgutil.iter_modules(services.__path__, f"{services.__name__}."):
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            if value is faults._pass:
                found[f"{module.name.rpartition('.')[2]}.{name}"] = (loaded, name)
    return found
