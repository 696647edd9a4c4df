"""A process of the running system as data, and how one is started and stopped: tied to our life, in a
session of its own so that Ctrl-C reaches only the supervisor, and knowing only what it needs to know."""

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core import lifeline

# What every program may know of the terminal it was started from; all else is given by name.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE")


class CannotStart(Exception):
    """Something the person at the terminal must change; the message is one line that says what."""


@dataclass(frozen=True)
class Child:
    """One program, and what surrounds it: `once` ones must end with 0, others run until they are stopped.

    `after` names the children that must be ready (or have ended well) before this one is started.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    after: tuple[str, ...] = ()
    once: bool = False
    is_ready: Callable[[], bool] | None = None
    folder: Path | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 3.0
    death_signal: int = signal.SIGKILL
    # PostgreSQL refuses to run as root.
    never_as_root: bool = False
    # Lines with one of these are left out of the log: warnings about what was chosen on purpose.
    noise: tuple[str, ...] = ()
    # Given on standard input: what is on the command line stands in the process list for all to read.
    configuration: str = ""


def launch(child: Child, *, output: int) -> subprocess.Popen[bytes]:
    """Starts it, from a thread that lasts as long as the child should; both outputs go to `output`."""
    privileges = giving_up_root() if child.never_as_root else "same"
    process = subprocess.Popen(  # noqa: S603  the commands are ours
        [*_shim(child.death_signal, privileges), *child.command],
        env={**surroundings(), **child.environment},
        cwd=child.folder,
        stdin=subprocess.PIPE if child.configuration else subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    if process.stdin:
        try:
            process.stdin.write(child.configuration.encode())
            process.stdin.close()
        except BrokenPipeError:
            # It died at once: its exit code and its output tell more than the pipe.
            pass
    return process


def stop(process: subprocess.Popen[bytes], child: Child) -> None:
    """Asks it to end, and makes it end when it has not after `stop_seconds`."""
    if process.poll() is None:
        process.send_signal(child.stop_signal)
    try:
        process.wait(child.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    is_ready: Callable[[], bool], process: subprocess.Popen[bytes], *, name: str, seconds: float
) -> None:
    """Returns when it is ready; CannotStart when it ended instead, or took longer."""
    deadline = time.monotonic() + seconds
    while not is_ready():
        if process.poll() is not None:
            raise CannotStart(
                f"{name} {ending(process.returncode)} before it was ready; its own words are above."
            )
        if time.monotonic() > deadline:
            raise CannotStart(f"{name} was not ready after {seconds:.0f} s.")
        time.sleep(0.02)


def ending(code: int) -> str:
    """An exit code in words."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def surroundings() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


@functools.cache
def giving_up_root() -> str:
    """How a program that refuses root is started here: as we are, in a user namespace, or as user nobody."""
    if os.geteuid() != 0:
        return "same"
    tried = subprocess.run(_shim(signal.SIGKILL, "namespace"), capture_output=True, check=False)  # noqa: S603
    return "namespace" if tried.returncode == 0 else "nobody"


def _shim(death_signal: int, privileges: str) -> list[str]:
    shim = os.path.abspath(lifeline.__file__)
    return [sys.executable, "-I", "-S", shim, str(os.getpid()), str(int(death_signal)), privileges]
