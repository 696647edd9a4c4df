"""Named points of the write path at which tests kill, freeze or delay the process. Nothing happens unless
`FAULTS_DIR` names a folder; production settings refuse that."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

POINTS: set[str] = set()


def fault_point(name: str) -> Callable[[], None]:
    """Declares a point once, at import; calling what it returns passes through the point.

    A file `FAULTS_DIR/<name>` holds the order: `kill`, `freeze`, `raise` or `delay SECONDS`. It is taken (and
    removed) by the first process that comes by, so one order makes one fault.
    """
    POINTS.add(name)
    folder = os.environ.get("FAULTS_DIR", "")
    if not folder:
        return _pass
    order = Path(folder) / name
    taken = Path(folder) / f"{name}.taken.{os.getpid()}"

    def reach() -> None:
        try:
            order.rename(taken)
        except FileNotFoundError:
            return
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
