"""A real vault between the adapters and whom they speak to: the sandbox bank as a process, and a server that
speaks Stripe's wire as a script says."""

import socket
from collections.abc import Callable, Iterator

import pytest
import redis

from processors.sandbox import SandboxProcessor
from processors.stripe import StripeProcessor
from processors.vault import VaultClient
from tests.processors.stripe_server import StripeServer
from tests.sandbox.bank_process import SandboxBank
from tests.sandbox.receiver import Receiver
from tests.support import processes
from tests.support.processes import Process
from tests.support.servers import SHARED_SECRET, Servers
from tests.vault.room import Merchant, new_merchant

NOTIFICATION_SECRET = "the-adapters-secret"


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="package")
def running_bank(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[SandboxBank]:
    bank = SandboxBank(
        tmp_path_factory.mktemp("bank of the adapters"),
        *("--notify-url", receiver.url, "--notify-secret", NOTIFICATION_SECRET),
    )
    bank.start()
    try:
        yield bank
    finally:
        bank.stop()


@pytest.fixture
def bank(running_bank: SandboxBank) -> Iterator[SandboxBank]:
    yield running_bank
    running_bank.behave()


@pytest.fixture(scope="package")
def running_stripe() -> Iterator[StripeServer]:
    server = StripeServer()
    yield server
    server.close()


@pytest.fixture
def stripe_server(running_stripe: StripeServer) -> StripeServer:
    running_stripe.reset()
    return running_stripe


@pytest.fixture(scope="package")
def vault_process(
    tmp_path_factory: pytest.TempPathFactory,
    servers: Servers,
    running_bank: SandboxBank,
    running_stripe: StripeServer,
) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("vault of the adapters")
    origins = [running_bank.url, running_stripe.url]
    process = processes.vault(folder, servers.vault_environment(), banks=origins)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="package")
def vault(vault_process: Process) -> VaultClient:
    return VaultClient(vault_process.url, SHARED_SECRET)


@pytest.fixture(scope="package")
def merchant(vault: VaultClient, vault_process: Process) -> Merchant:
    return new_merchant(vault, vault_process.url)


@pytest.fixture
def sandbox(vault: VaultClient, bank: SandboxBank) -> SandboxProcessor:
    return SandboxProcessor(
        name="sandbox", vault=vault, url=bank.url, notification_secret=NOTIFICATION_SECRET
    )


@pytest.fixture
def stripe_adapter(vault: VaultClient, stripe_server: StripeServer) -> StripeProcessor:
    return StripeProcessor(
        name="stripe",
        vault=vault,
        key="sk_test_peer",
        base_url=stripe_server.url,
        notification_secret=NOTIFICATION_SECRET,
    )


@pytest.fixture
def forget_code(servers: Servers) -> Callable[[str], None]:
    """Makes the vault forget a token's security code, as time does."""
    codes = redis.Redis.from_url(servers.vault_valkey.url())

    def forget(token: str) -> None:
        assert codes.delete(f"cvc:{token}") == 1

    return forget


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a port that nobody listens to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
