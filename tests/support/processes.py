"""The product's real processes beside a test: started on free ports, ended with the test."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from gateway.addresses import free_port
from gateway.child import Child, launch, stop
from gateway.plan import wsgi_server
from tests.support.servers import ROOT

START_SECONDS = 40
http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=60))


@dataclass
class Process:
    """One of ours. Its output is kept in `log`, for the tests that search it."""

    child: Child
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = launch(self.child, output=output.fileno())
        if self.port:
            self.wait_until_serving()

    def wait_until_serving(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_serving():
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"{self.child.name} ended:\n{self.log.read_text()[-4000:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.child.name} does not serve:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def is_serving(self) -> bool:
        try:
            return http.request("GET", f"{self.url}/health", timeout=2).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def kill(self) -> None:
        """SIGKILL; its workers go with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, self.child)
            self.process = None

    def restart(self) -> None:
        self.kill()
        self.start()


def python(environment: Mapping[str, str]) -> dict[str, str]:
    return {**environment, "PYTHONUNBUFFERED": "1", "TOLLGATE_SUPERVISED": "1"}


def bank(
    folder: Path, *, port: int | None = None, name: str = "sandbox", web_port: int | None = None
) -> Process:
    """A sandbox bank; the second of a system needs another `name`. It notifies the gateway at `web_port`, if
    one is given, under the name that settings.PROCESSORS has for it."""
    port = port or free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--data", str(folder / f"{name}.sqlite3")]
    if web_port:
        options += ["--notify-url", f"http://127.0.0.1:{web_port}/notifications/{name.replace('-', '_')}"]
    command = (sys.executable, "-m", "sandbox", *options)
    return Process(Child(name, command, python({}), folder=ROOT), folder / f"{name}.log", port)


def vault(
    folder: Path, environment: Mapping[str, str], *, banks: list[str], web_port: int | None = None
) -> Process:
    """It knows the gateway's pages where `web_port` says which port they will be at."""
    port = free_port()
    pages = {"PUBLIC_URL": f"http://127.0.0.1:{web_port}"} if web_port else {}
    known = python({**environment, "VAULT_FORWARD_ORIGINS": ",".join(banks), **pages})
    command = wsgi_server("vault.wsgi:application", port, workers=1, threads=64)
    return Process(Child("vault", command, known, folder=ROOT), folder / "vault.log", port)


def web(
    folder: Path,
    environment: Mapping[str, str],
    *,
    workers: int = 1,
    name: str = "web",
    port: int | None = None,
) -> Process:
    port = port or free_port()
    command = wsgi_server("gateway.wsgi:application", port, workers=workers, threads=128)
    child = Child(
        name, command, python({**environment, "PUBLIC_URL": f"http://127.0.0.1:{port}"}), folder=ROOT
    )
    return Process(child, folder / f"{name}.log", port)


def worker(folder: Path, environment: Mapping[str, str], *, name: str = "worker") -> Process:
    command = (sys.executable, *"-m celery -A gateway worker --pool threads --concurrency 8".split())
    command = (*command, "--hostname", f"{name}@%h")
    command = (*command, "--loglevel", "INFO", "--without-gossip", "--without-mingle")
    return Process(Child(name, command, python(environment), folder=ROOT), folder / f"{name}.log")


def beat(folder: Path, environment: Mapping[str, str]) -> Process:
    command = (sys.executable, *"-m celery -A gateway beat --loglevel INFO --schedule".split())
    command = (*command, str(folder / "beat-schedule"))
    return Process(Child("beat", command, python(environment), folder=ROOT), folder / "beat.log")


@dataclass
class System:
    """A whole gateway on a module's own books."""

    folder: Path
    bank: Process
    bank_two: Process
    vault: Process
    web: Process
    worker: Process
    beat: Process
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def everything(self) -> list[Process]:
        return [self.bank, self.bank_two, self.vault, self.web, self.worker, self.beat]

    def fault(self, point: str, order: str) -> None:
        """The next process that passes `point` obeys `order`."""
        folder = Path(self.environment["FAULTS_DIR"])
        unfinished = folder / f".{point}"
        unfinished.write_text(order)
        unfinished.rename(folder / point)

    def wait_for_fault(self, point: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while (Path(self.environment["FAULTS_DIR"]) / point).exists():
            if time.monotonic() > deadline:
                raise AssertionError(f"nobody came by {point}")
            time.sleep(0.02)
