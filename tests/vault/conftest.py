"""A real vault over a real PostgreSQL and Valkey for the whole run; a fresh merchant for each test."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.data_folder import vault_keys, write_private
from gateway.embedded import EmbeddedPostgres, EmbeddedValkey
from gateway.provisioning import ensure_account
from processors.vault import VaultClient
from tests.support.processes import Process
from tests.support.processes import vault as vault_process
from tests.support.servers import SHARED_SECRET, VAULT, migrate
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import Merchant, Room, new_merchant


@pytest.fixture(scope="session")
def room() -> Iterator[Room]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="tollgate-vault-tests-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        room = Room(
            folder,
            stack.enter_context(EmbeddedPostgres(folder / "data")),
            stack.enter_context(EmbeddedValkey("vault-valkey")),
        )
        ensure_account(room.postgres, VAULT)
        write_private(room.key_file, vault_keys())
        migrate(["-m", "vault"], room.owner_environment(), VAULT.application)
        yield room


@pytest.fixture(scope="session")
def scripted() -> Iterator[ScriptedProcessor]:
    processor = ScriptedProcessor()
    yield processor
    processor.close()


@pytest.fixture
def processor(scripted: ScriptedProcessor) -> ScriptedProcessor:
    scripted.reset()
    return scripted


@pytest.fixture(scope="session")
def closed_port() -> Iterator[int]:
    """A port that is taken, and that nobody listens to: connections to it are refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(scope="session")
def vault(room: Room, scripted: ScriptedProcessor, closed_port: int) -> Iterator[Process]:
    process = vault_process(
        room.folder, room.environment(), banks=[scripted.url, f"http://127.0.0.1:{closed_port}"]
    )
    process.start()
    yield process
    process.stop()


@pytest.fixture
def client(vault: Process) -> VaultClient:
    return VaultClient(vault.url, SHARED_SECRET)


@pytest.fixture
def merchant(vault: Process, client: VaultClient) -> Merchant:
    return new_merchant(client, vault.url)
