"""The embedded servers are real ones: they keep what was committed, let in only who may, and end with us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from gateway import embedded
from gateway.child import CannotStart
from gateway.embedded import EmbeddedPostgres, EmbeddedValkey
from gateway.provisioning import Account, ensure_account

GATEWAY = Account("tollgate", "tollgate_owner", "owner's password", "tollgate_app", "a/p@ss:word %")
VAULT = Account("tollgate_vault", "vault_owner", "another", "vault_app", "one more")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("a folder") / "with space") as server:
        ensure_account(server, GATEWAY)
        ensure_account(server, VAULT)
        yield server


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey() as server:
        yield server


def test_it_is_version_18_and_nothing_committed_is_ever_lost(postgres: EmbeddedPostgres) -> None:
    def setting(name: str) -> str:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        assert row is not None
        return str(row[0])

    with psycopg.connect(postgres.superuser_url()) as connection:
        assert setting("server_version").startswith("18.")
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert setting(name) == "on", name


def test_nobody_reaches_it_by_network_or_without_password(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.superuser_url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url("postgres", "wrong", "postgres"))


@pytest.mark.parametrize("database", ["tollgate_vault", "postgres", "template1"])
def test_gateways_roles_may_not_enter_other_databases(postgres: EmbeddedPostgres, database: str) -> None:
    for role, password in (
        (GATEWAY.application, GATEWAY.application_password),
        (GATEWAY.owner, GATEWAY.owner_password),
    ):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(postgres.url(role, password, database))


def test_vaults_roles_may_not_enter_the_gateways_database(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(postgres.url(VAULT.application, VAULT.application_password, "tollgate"))


def test_application_can_create_nothing(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(GATEWAY.application_url(postgres), autocommit=True) as connection:
        for statement in (
            "CREATE TABLE t ()",
            "CREATE SCHEMA s",
            "CREATE TEMPORARY TABLE t ()",
            "CREATE ROLE r",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_owner_can_create_tables_in_its_own_database(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(GATEWAY.owner_url(postgres)) as connection:
        connection.execute("CREATE TABLE t ()")
        connection.rollback()


def test_accounts_may_be_ensured_again_with_new_passwords(postgres: EmbeddedPostgres) -> None:
    changed = Account("other", "other_owner", "x", "other_app", "before")
    ensure_account(postgres, changed)
    ensure_account(postgres, Account("other", "other_owner", "x", "other_app", "after"))
    psycopg.connect(postgres.url("other_app", "after", "other")).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url("other_app", "before", "other"))


def test_second_start_continues_with_the_data_and_a_crash_loses_no_commit(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    process = server.start()
    with psycopg.connect(server.superuser_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    process.kill()
    process.wait()
    with EmbeddedPostgres(tmp_path) as again, psycopg.connect(again.superuser_url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_process_id_file_that_names_a_living_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path):
        pass
    stale = tmp_path / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1700000000\n5432\n\n\n  1234 5678\nready\n")
    with EmbeddedPostgres(tmp_path):
        pass


def test_living_server_in_the_folder_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.2)
    with EmbeddedPostgres(tmp_path), pytest.raises(CannotStart, match="still uses"):
        EmbeddedPostgres(tmp_path).start()


def test_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished" / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(tmp_path):
        pass


@pytest.mark.parametrize("name", ["x" * 120, "one, two"])
def test_path_that_no_socket_can_have_still_works(tmp_path: Path, name: str) -> None:
    with EmbeddedPostgres(tmp_path / name) as server:
        psycopg.connect(server.superuser_url()).close()
        assert server.socket_folder.stat().st_mode & 0o077 == 0
    server.socket_folder.rmdir()


def test_root_without_user_namespaces_runs_it_as_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    tmp_path.chmod(0o700)
    with EmbeddedPostgres(tmp_path):
        pass
    for place in ("gateway.child.giving_up_root", "gateway.embedded.giving_up_root"):
        monkeypatch.setattr(place, lambda: "nobody")
    with EmbeddedPostgres(tmp_path) as server:
        psycopg.connect(server.superuser_url()).close()
        assert server.process is not None
        assert Path(f"/proc/{server.process.pid}").stat().st_uid == 65534


def test_valkey_asks_for_its_password_and_shows_it_to_nobody(valkey: EmbeddedValkey) -> None:
    assert valkey.process is not None
    assert redis.Redis.from_url(valkey.url()).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=valkey.port).ping()
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert valkey.password not in shown


def test_valkey_writes_nothing_to_a_disk_and_restarts_where_it_was(valkey: EmbeddedValkey) -> None:
    client = redis.Redis.from_url(valkey.url())
    assert client.config_get("save") == {"save": ""}
    assert client.config_get("appendonly") == {"appendonly": "no"}
    client.set("key", "value")
    before = valkey.url()
    valkey.stop()
    valkey.start()
    assert valkey.url() == before
    assert redis.Redis.from_url(valkey.url()).get("key") is None


SERVERS = """
import sys, time
from pathlib import Path
from gateway.embedded import EmbeddedPostgres, EmbeddedValkey
servers = [EmbeddedPostgres(Path(sys.argv[1])), EmbeddedValkey()]
print(*(server.start().pid for server in servers), flush=True)
time.sleep(60)
"""


def test_servers_end_when_who_started_them_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVERS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert len(pids) == 2
        starter.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # It was no crash: the server had the time to shut down.
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()
