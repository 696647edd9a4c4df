"""What a first-time user does, done in a fresh clone in a folder with a space in its name and with hardly any
environment: run it, charge a card, stop it, go on with the same data, and pull the plug.

Only commits count: the work tree is cloned, not copied. Standard library only.
"""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

# The promise is a minute; the rest is for a slow package index.
FIRST_START_SECONDS = 150
START_SECONDS = 60
STOP_SECONDS = 30
SAID_AFTER_ANSWER_SECONDS = 10


class Failure(Exception):
    """A promise that did not hold."""


class Trial:
    """One `make run` after the other in the same clone. Its processes are known by their HOME folder."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.clone = folder / "tollgate clone"
        self.port = _free_port()
        self.log = folder / "run.log"
        self.make: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float) -> None:
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(self.home), "PORT": str(self.port)}
        with self.log.open("wb") as log:
            self.make = subprocess.Popen(
                ["make", "run"],  # noqa: S607  whichever make the user has
                cwd=self.clone,
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait(self._answers, seconds, "make run did not answer")
        _wait(lambda: self.key() != "", SAID_AFTER_ANSWER_SECONDS, "it answered, but did not say its keys")

    def key(self) -> str:
        found = re.search(r"sk_test_\w+", self.log.read_text(errors="replace"))
        return found.group() if found else ""

    def call(self, path: str, form: dict[str, str] | None = None) -> dict[str, object]:
        """A request with the printed key; a POST where there is a form."""
        address = f"http://127.0.0.1:{self.port}{path}"
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(address, data)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{self.key()}:".encode()).decode())
        if data:
            request.add_header("Idempotency-Key", str(uuid.uuid4()))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                result: dict[str, object] = json.load(answer)
                return result
        except urllib.error.HTTPError as error:
            raise Failure(f"{path}: {error.code} {error.read().decode()[:300]}") from error

    def interrupt(self) -> None:
        """Ctrl-C: the terminal sends it to make and all in its process group."""
        assert self.make is not None
        os.killpg(self.make.pid, signal.SIGINT)
        _wait(lambda: not self.processes(), STOP_SECONDS, "Ctrl-C left processes behind", self.processes)

    def pull_the_plug(self) -> None:
        supervisors = [pid for pid, command in self.processes().items() if "gateway.supervisor" in command]
        if len(supervisors) != 1:
            raise Failure(f"one supervisor was expected, not {supervisors}")
        os.kill(supervisors[0], signal.SIGKILL)
        _wait(lambda: not self.processes(), STOP_SECONDS, "kill -9 left processes behind", self.processes)

    def processes(self) -> dict[int, str]:
        if self.make is not None:
            self.make.poll()
        found = {}
        mark = f"HOME={self.home}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def _answers(self) -> bool:
        if self.make is not None and self.make.poll() is not None:
            raise Failure(f"make run ended by itself with {self.make.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/charges", timeout=3):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    folder = Path(tempfile.mkdtemp(prefix="first use "))
    trial = Trial(folder)
    try:
        subprocess.run(["git", "clone", "--quiet", str(root), str(trial.clone)], check=True)  # noqa: S603, S607
        _use(trial)
    except Failure as failure:
        _say(f"NO   {failure}\n{trial.log.read_text(errors='replace')[-6000:] if trial.log.exists() else ''}")
        return 1
    finally:
        for pid in trial.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _use(trial: Trial) -> None:
    with _told("make run in a fresh clone"):
        trial.start(FIRST_START_SECONDS)
    key = trial.key()
    with _told("a charge with the printed key"):
        charge = trial.call("/v1/charges", {"amount": "2000", "currency": "usd", "source": "tok_visa"})
        _require(charge.get("status") == "succeeded", f"the charge is {charge}")
    with _told("Ctrl-C stops everything"):
        trial.interrupt()
    with _told("make run goes on with the same data"):
        trial.start(START_SECONDS)
        _require(trial.key() == key, "the demo key changed")
        again = trial.call(f"/v1/charges/{charge['id']}")
        _require(again.get("amount") == 2000, f"the charge became {again}")
    with _told("kill -9 of the supervisor leaves nothing"):
        trial.pull_the_plug()
    with _told("make run after the kill, with another charge"):
        trial.start(START_SECONDS)
        charge = trial.call("/v1/charges", {"amount": "1500", "currency": "eur", "source": "tok_visa"})
        _require(charge.get("status") == "succeeded", f"the charge is {charge}")
    with _told("Ctrl-C stops everything again"):
        trial.interrupt()


@contextlib.contextmanager
def _told(promise: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    _say(f"yes  {promise} ({time.monotonic() - began:.1f} s)")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failure(otherwise)


def _wait(
    holds: Callable[[], bool], seconds: float, otherwise: str, detail: Callable[[], object] = str
) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Failure(f"{otherwise} within {seconds} s {detail()}")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
