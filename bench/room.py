"""What is measured: the servers and processes of `make run` in a folder that is thrown away, with the bank inside
web, and without worker, beat and sandbox. The vault runs, and is asked once per process for the static card."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg

from gateway.addresses import free_port
from gateway.child import CannotStart, Child, surroundings
from gateway.embedded import EmbeddedPostgres, EmbeddedValkey
from gateway.plan import ROOT, STOP_ORDER, Plan, Ports, Store
from gateway.provisioning import Account, ensure_account
from gateway.runner import Runner
from gateway.supervisor import kept_secrets, write_down
from gateway.terminal import Terminal

SETTINGS = {"DJANGO_SETTINGS_MODULE": "bench.settings"}
# For trying other sizes than those of `make run`.
TRIED = ("WEB_WORKERS", "WEB_THREADS", "DATABASE_POOL_SIZE")
NEEDED = ("prepare", "vault-prepare", "vault", "web")


@dataclass(frozen=True)
class Room:
    """Everything that runs, and how it is spoken to."""

    plan: Plan
    postgres: EmbeddedPostgres
    postgres_process: psutil.Process
    web_process: psutil.Process

    @property
    def port(self) -> int:
        return self.plan.ports.web

    @property
    def pgbench(self) -> str:
        return str(Path(self.postgres.child.command[0]).with_name("pgbench"))

    def books(self) -> psycopg.Connection:
        return psycopg.connect(self.plan.gateway.owner_url, autocommit=True)

    @property
    def environment(self) -> dict[str, str]:
        return surroundings() | self.plan.gateway_environment() | SETTINGS

    def command(self, *words: str) -> str:
        """What a command of manage.py printed; CannotStart with its words when it failed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotStart(f"manage.py {words[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def with_books(self, name: str) -> "Room":
        """The same room, on another database with the same tables; its processes stay with the first."""
        store = open_store(self.postgres, name, self.plan.gateway.redis_url)
        other = replace(self, plan=replace(self.plan, gateway=store))
        as_owner = replace(store, url=store.owner_url)
        replace(other, plan=replace(self.plan, gateway=as_owner)).command("prepare_database", *store.granted)
        return other

    def new_merchant(self, name: str) -> tuple[str, str]:
        """Its public id and its secret test key."""
        made = json.loads(self.command("create_merchant", name))
        return made["merchant"], made["keys"]["sk_test"]


@contextmanager
def open_room() -> Iterator[Room]:
    folder = Path(tempfile.mkdtemp(prefix="tollgate-bench-"))
    log = folder / "log"
    with log.open("w") as stream:
        runner = Runner(Terminal(stream))
        try:
            yield _fill(folder, runner)
        except CannotStart as error:
            stream.flush()
            raise CannotStart(f"{error}\n{log.read_text()[-4000:]}") from error
        finally:
            runner.stop(STOP_ORDER)
            shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, runner: Runner) -> Room:
    postgres = EmbeddedPostgres(folder)
    valkey, vault_valkey = EmbeddedValkey(), EmbeddedValkey("vault-valkey")
    for server in (postgres, valkey, vault_valkey):
        runner.embed(server, server.child.name)
    plan = Plan(
        data_dir=folder,
        ports=Ports(free_port(), free_port(), free_port()),
        gateway=open_store(postgres, "tollgate", valkey.url(0)),
        broker_url=valkey.url(1),
        vault=open_store(postgres, "vault", vault_valkey.url(0)),
        secrets=kept_secrets(folder),
        # Lines as in production; and one key calls as often as it can.
        options={"LOG_FORMAT": "json", "RATE_LIMIT_KEY": "1000000/s"}
        | {name: os.environ[name] for name in TRIED if name in os.environ},
    )
    write_down(plan)
    runner.bring_up(_children(plan))
    return Room(plan, postgres, _process(runner, "postgres"), _process(runner, "web"))


def _children(plan: Plan) -> Iterator[Child]:
    for child in plan.children():
        if child.name == "web":
            yield replace(child, environment={**child.environment, **SETTINGS}, after=("prepare", "vault"))
        elif child.name in NEEDED:
            yield child


def open_store(server: EmbeddedPostgres, name: str, redis_url: str) -> Store:
    """A database with roles of its own, made where it is missing."""
    account = Account(name, f"{name}_owner", secrets.token_urlsafe(), f"{name}_app", secrets.token_urlsafe())
    ensure_account(server, account)
    return Store(account.application_url(server), account.owner_url(server), account.application, redis_url)


def _process(runner: Runner, name: str) -> psutil.Process:
    return psutil.Process(runner.running[name].process.pid)
