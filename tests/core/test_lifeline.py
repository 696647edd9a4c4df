"""Whatever a parent that is killed had started ends too: children, and children of a program that became
another one on the way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import lifeline

SHIM = [sys.executable, "-I", "-S", lifeline.__file__]
# Starts the command it is given through the shim, says its process id, and waits to be killed.
PARENT = """
import os, subprocess, sys, time
shim, privileges = sys.argv[1:5], sys.argv[5]
child = subprocess.Popen([*shim, str(os.getpid()), "15", privileges, "/bin/sleep", "60"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("privileges", ["same", "namespace", "nobody"])
def test_child_dies_with_its_killed_parent(privileges: str) -> None:
    skip_unless_possible(privileges)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *SHIM, privileges], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_for(lambda: command(child).startswith("/bin/sleep"))
        parent.kill()
    wait_for(lambda: command(child) == "")


@pytest.mark.parametrize("privileges", ["namespace", "nobody"])
def test_root_is_given_up(privileges: str) -> None:
    skip_unless_possible(privileges)
    shown = run_through_shim(privileges, "/usr/bin/id", "-u")
    assert shown.stdout.strip() == "65534"


@pytest.mark.parametrize("privileges", ["namespace", "nobody"])
def test_who_gave_up_root_still_reaches_its_files_below_private_folders(
    tmp_path: Path, privileges: str
) -> None:
    skip_unless_possible(privileges)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "file").write_text("still here")
    assert run_through_shim(privileges, "/bin/cat", str(private / "file")).stdout == "still here"


def test_who_comes_too_late_for_its_parent_ends_at_once() -> None:
    stranger = os.getppid()
    ended = subprocess.run([*SHIM, str(stranger), "15", "same", "/bin/sleep", "60"], timeout=10)
    assert ended.returncode == -signal.SIGTERM


def test_interrupts_that_a_shell_had_ignored_work_again() -> None:
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    ignoring = f"import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv({SHIM[0]!r}, "
    ignoring += f"{SHIM!r} + [str(os.getppid()), '15', 'same', {sys.executable!r}, '-c', {code!r}])"
    shown = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, text=True, timeout=10)
    assert shown.stdout.strip() == "True", shown.stderr


def skip_unless_possible(privileges: str) -> None:
    if privileges == "same":
        return
    if os.geteuid() != 0:
        pytest.skip("only root can give up root")
    if privileges == "namespace" and run_through_shim(privileges).returncode != 0:
        pytest.skip("user namespaces are refused here")


def run_through_shim(privileges: str, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [*SHIM, str(os.getpid()), "9", privileges, *command]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=10)


def command(pid: int) -> str:
    """What the process runs; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_for(holds: object, seconds: float = 10) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
