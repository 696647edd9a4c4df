"""The real processes of a gateway, on a database of their own: kept up, and hurt on purpose."""

import os
import signal
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from gateway.addresses import free_port
from tests.chaos.cells import Cell
from tests.support import processes
from tests.support.bank import Bank
from tests.support.processes import Process
from tests.support.servers import Servers

DATABASE = "chaos"
REDIS_DATABASE = 2
# Short, so that what is waited for takes seconds; the order of the deadlines is what counts.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
    "PROCESSOR_TIMEOUT_SECONDS": "1.5",
    "IDEMPOTENCY_LEASE_SECONDS": "3",
    "BREAKER_MIN_FAILURES": "1000000",
    "DATABASE_POOL_SIZE": "8",
    "CHALLENGE_SECONDS": "12",
    "PAYOUT_SEND_AFTER_SECONDS": "4",
}


@dataclass
class Rig:
    servers: Servers
    folder: Path
    banks: list[Process] = field(default_factory=list)
    vault: Process = field(init=False)
    webs: list[Process] = field(default_factory=list)
    worker: Process = field(init=False)
    beat: Process = field(init=False)
    _mending: threading.Lock = field(default_factory=threading.Lock)
    _places: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    @property
    def faults(self) -> Path:
        return self.folder / "faults"

    @property
    def everything(self) -> list[Process]:
        return [*self.banks, self.vault, *self.webs, self.worker, self.beat]

    def controls(self) -> list[Bank]:
        return [Bank(bank.url) for bank in self.banks]

    @contextmanager
    def alone_at(self, cells: Iterable[Cell]) -> Iterator[None]:
        """An order has the name of its place: two histories with the same one would take each other's for theirs."""
        with ExitStack() as stack:
            # Sorted, so that no two wait for each other.
            for name in sorted({cell.name for cell in cells}):
                stack.enter_context(self._places[name])
            yield

    def order(self, cell: Cell, *, seconds: float) -> None:
        """The next one that passes there meets it. `seconds` of a delay."""
        unfinished = self.faults / f".{uuid.uuid4()}"
        unfinished.write_text(f"delay {seconds}" if cell.way == "delay" else cell.way)
        unfinished.rename(self.faults / cell.name)

    def was_met(self, cell: Cell) -> bool:
        return any(self.faults.glob(f"{cell.name}.taken.*"))

    def forget(self, cell: Cell) -> None:
        """Takes the order back, and lets go of whoever it froze."""
        (self.faults / cell.name).unlink(missing_ok=True)
        for met in self.faults.glob(f"{cell.name}.taken.*"):
            _wake(met)
            met.unlink(missing_ok=True)

    def wake(self, cell: Cell, *, after_seconds: float) -> None:
        """Those that have been frozen there for so long."""
        for met in self.faults.glob(f"{cell.name}.taken.*"):
            with suppress(FileNotFoundError):
                # Being taken changed the file's name, and so its inode.
                if time.time() - met.stat().st_ctime > after_seconds:
                    _wake(met)

    def mend(self) -> None:
        """Whatever has ended is started again. Servers bring their own workers back."""
        with self._mending:
            for process in self.everything:
                if process.process is None or process.process.poll() is not None:
                    process.process = None
                    process.start()

    def restart_postgres(self) -> None:
        """Immediate shutdown: as a power cut, for all that it knows."""
        with self._mending:
            server = self.servers.postgres.process
            assert server is not None
            server.send_signal(signal.SIGQUIT)
            server.wait()
            self.servers.postgres.start()

    def lose_redis(self) -> None:
        with self._mending:
            server = self.servers.valkey.process
            assert server is not None
            server.kill()
            server.wait()
            time.sleep(0.5)
            self.servers.valkey.start()

    def kill(self, process: Process) -> None:
        with self._mending:
            process.restart()

    def books(self) -> psycopg.Connection:
        return self.servers.superuser(DATABASE)


def _wake(met: Path) -> None:
    with suppress(ProcessLookupError):
        os.kill(int(met.name.rpartition(".")[2]), signal.SIGCONT)


def start_rig(stack: ExitStack, servers: Servers, *, webs: int) -> Rig:
    servers.new_database(DATABASE)
    folder = servers.folder / DATABASE
    rig = Rig(servers, folder)
    rig.faults.mkdir(parents=True)
    ports = [free_port() for _ in range(webs)]
    rig.banks = [
        processes.bank(folder, web_port=ports[0]),
        processes.bank(folder, name="sandbox-two", web_port=ports[0]),
    ]
    faulty = {"FAULTS_DIR": str(rig.faults)}
    vault_environment = {**servers.vault_environment(), **faulty, "FAULTS_AS": "vault"}
    rig.vault = processes.vault(folder, vault_environment, banks=[bank.url for bank in rig.banks])
    environment = {
        **servers.gateway_environment(DATABASE),
        **ENVIRONMENT,
        **faulty,
        "REDIS_URL": servers.valkey.url(REDIS_DATABASE),
        "VAULT_URL": rig.vault.url,
        "SANDBOX_BANK_URL": rig.banks[0].url,
        "SANDBOX_TWO_BANK_URL": rig.banks[1].url,
    }
    rig.webs = [
        processes.web(folder, environment, name=f"web-{number}", port=port)
        for number, port in enumerate(ports, 1)
    ]
    as_worker = {**environment, "FAULTS_AS": "worker"}
    rig.worker, rig.beat = processes.worker(folder, as_worker), processes.beat(folder, environment)
    for process in rig.everything:
        stack.callback(process.stop)
        process.start()
    return rig
