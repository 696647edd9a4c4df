"""Who holds a claim: a name for this process that says, on the same machine, whether it still lives."""

import os
import threading
from pathlib import Path

_pid = 0
_name = ""
_lock = threading.Lock()


def me() -> str:
    """This process, unique across reboots and reuse of process ids: `boot/pid-namespace/pid/start-ticks`."""
    global _pid, _name
    if os.getpid() != _pid:
        with _lock:
            _name = f"{_machine()}/{os.getpid()}/{_start_ticks(os.getpid())}"
            _pid = os.getpid()
    return _name


def is_dead(owner: str) -> bool:
    """True only where it is certain: same boot, same process-id namespace, and no such process any more."""
    machine, _, rest = owner.rpartition("/")
    machine, _, pid = machine.rpartition("/")
    if machine != _machine() or not pid.isdigit():
        return False
    return _start_ticks(int(pid)) != rest


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}"


def _start_ticks(pid: int) -> str:
    """Field 22 of /proc/PID/stat, which with the pid names a process for as long as the machine is up."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]
