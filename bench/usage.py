"""What a process and all its children have used of the machine."""

import contextlib

import psutil


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the process, its living children and those that have ended."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_megabytes(process: psutil.Process) -> float:
    """What would be free again without them: pages that only they hold, and their share of the others."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss
    return total / 1e6
