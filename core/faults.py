"""Named points of the write path at which tests kill, freeze or delay the process. Nothing happens unless
`FAULTS_DIR` names a folder; production settings refuse that."""

import os
import signal
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

POINTS: set[str] = set()
# What this thread is at, where somebody said so; else what the process is. Orders may be addressed to it.
AS = os.environ.get("FAULTS_AS", "")
doing: ContextVar[str] = ContextVar("doing", default=AS)


def fault_point(name: str) -> Callable[[], None]:
    """Declares a point once, at import; calling what it returns passes through the point.

    A file `FAULTS_DIR/<name>` holds the order: `kill`, `freeze`, `raise` or `delay SECONDS`. It is taken (and
    removed) by the first process that comes by, so one order makes one fault. `<name>@<doing>` waits for one that is
    at that.
    """
    POINTS.add(name)
    folder = os.environ.get("FAULTS_DIR", "")
    if not folder:
        return _pass

    def reach() -> None:
        for given in (f"{name}@{doing.get()}", name):
            taken = Path(folder) / f"{given}.taken.{os.getpid()}"
            try:
                (Path(folder) / given).rename(taken)
            except FileNotFoundError:
                continue
            _obey(taken.read_text().split())

    return reach


class FaultInjected(Exception):
    """The order `raise`, for tests that want an error in the middle."""


def _pass() -> None:
    return


def _obey(order: list[str]) -> None:
    match order:
        case ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["freeze"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        case ["delay", seconds]:
            time.sleep(float(seconds))
        case ["raise"]:
            raise FaultInjected
        case _:
            raise ValueError(f"unknown order at a fault point: {order}")
