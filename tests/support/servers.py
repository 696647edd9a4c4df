"""Real servers for the tests: an embedded PostgreSQL and two Valkeys for the whole run, a migrated template,
and a database of its own for each module, committed to for real and never flushed."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg

from gateway.child import surroundings
from gateway.data_folder import vault_keys, write_private
from gateway.embedded import EmbeddedPostgres, EmbeddedValkey
from gateway.provisioning import Account, drop_database, ensure_account, ensure_database

ROOT = Path(__file__).resolve().parent.parent.parent
GATEWAY = Account("tollgate_template", "tollgate_owner", "owner", "tollgate_app", "app")
VAULT = Account("tollgate_vault", "vault_owner", "owner", "vault_app", "app")
# Names the folder of a cluster at rest, with both databases migrated.
TEMPLATE = "TOLLGATE_TESTS_TEMPLATE"
# All tests come from one address, and some as fast as they can.
NO_LIMITS = dict.fromkeys(("RATE_LIMIT_KEY", "RATE_LIMIT_BROWSER", "RATE_LIMIT_WRONG_KEYS"), "1000000/s")
NO_VAULT_LIMITS = dict.fromkeys(("VAULT_RATE_LIMIT_CARDS", "VAULT_RATE_LIMIT_CARDS_OF_KEY"), "1000000/s")
SHARED_SECRET = "the-tests-shared-secret-of-gateway-and-vault"


@dataclass(frozen=True)
class Servers:
    """The run's servers. `folder` is thrown away at the end."""

    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    vault_valkey: EmbeddedValkey

    def superuser(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.postgres.superuser_url(database), autocommit=True)

    def application_url(self, database: str) -> str:
        return self.postgres.url(GATEWAY.application, GATEWAY.application_password, database)

    def owner_url(self, database: str) -> str:
        return self.postgres.url(GATEWAY.owner, GATEWAY.owner_password, database)

    def new_database(self, name: str) -> None:
        """A copy of the migrated template."""
        with self.superuser("postgres") as connection:
            ensure_database(
                connection,
                name,
                owner=GATEWAY.owner,
                users=[GATEWAY.application],
                template=GATEWAY.database,
            )

    def drop_database(self, name: str) -> None:
        with self.superuser("postgres") as connection:
            drop_database(connection, name)

    def gateway_environment(self, database: str) -> dict[str, str]:
        return {
            "TOLLGATE_ENV": "test",
            "DATABASE_URL": self.application_url(database),
            "REDIS_URL": self.valkey.url(),
            "VAULT_SHARED_SECRET": SHARED_SECRET,
            "SECOND_FACTOR": "off",
            **NO_LIMITS,
        }

    def vault_environment(self) -> dict[str, str]:
        return {
            "TOLLGATE_ENV": "test",
            "VAULT_DATABASE_URL": VAULT.application_url(self.postgres),
            "VAULT_REDIS_URL": self.vault_valkey.url(),
            "VAULT_KEY_FILE": str(self.folder / "keys.json"),
            "VAULT_SHARED_SECRET": SHARED_SECRET,
            **NO_VAULT_LIMITS,
        }


def start_servers(stack: ExitStack) -> Servers:
    """Everything migrated and granted; `stack` stops and removes it all. Where `make test` has made a cluster for all
    its runs, that one is copied: migrating takes as long as many tests."""
    folder = Path(tempfile.mkdtemp(prefix="tollgate-tests-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    made = os.environ.get(TEMPLATE)
    if made:
        shutil.copytree(made, folder / "data")
    servers = Servers(
        folder,
        stack.enter_context(EmbeddedPostgres(folder / "data")),
        stack.enter_context(EmbeddedValkey()),
        stack.enter_context(EmbeddedValkey("vault-valkey")),
    )
    write_private(folder / "keys.json", vault_keys())
    if not made:
        make_databases(servers)
    return servers


def make_databases(servers: Servers) -> None:
    ensure_account(servers.postgres, GATEWAY)
    ensure_account(servers.postgres, VAULT)
    migrate(
        ["manage.py"],
        servers.gateway_environment(GATEWAY.database) | {"DATABASE_URL": servers.owner_url(GATEWAY.database)},
        GATEWAY.application,
    )
    migrate(
        ["-m", "vault"],
        servers.vault_environment() | {"VAULT_DATABASE_URL": VAULT.owner_url(servers.postgres)},
        VAULT.application,
    )


def migrate(program: list[str], environment: dict[str, str], role: str, *state: str) -> None:
    """To the `state` that an app and a migration name, or to the latest."""
    for arguments in (["migrate", "--verbosity", "0", *state], ["grant_application", role]):
        done = subprocess.run(
            [sys.executable, *program, *arguments],
            env=surroundings() | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} {arguments} failed:\n{done.stdout}{done.stderr}")
