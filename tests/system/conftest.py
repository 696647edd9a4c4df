"""One whole gateway for all tests of this folder: real processes, a bank, and books that are kept to the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dj_database_url
import pytest
from django.conf import settings

from gateway.addresses import free_port
from merchants.services import NewMerchant, create_merchant
from tests.conftest import Books, point_django_at, point_redis_at
from tests.support import processes
from tests.support.bank import Bank
from tests.support.processes import System
from tests.support.servers import Servers

DATABASE = "system"
REDIS_DATABASE = 1
# Short, so that the tests of time-outs take seconds; the order of the deadlines is what counts.
PROCESSOR_TIMEOUT_SECONDS = 3


@pytest.fixture(scope="session")
def system(servers: Servers) -> Iterator[System]:
    servers.new_database(DATABASE)
    folder = servers.folder / "system"
    (folder / "faults").mkdir(parents=True)
    web_port = free_port()
    bank = processes.bank(folder, web_port=web_port)
    bank_two = processes.bank(folder, name="sandbox-two", web_port=web_port)
    vault = processes.vault(
        folder, servers.vault_environment(), banks=[bank.url, bank_two.url], web_port=web_port
    )
    environment = {
        **servers.gateway_environment(DATABASE),
        # Its worker runs to the end of the session and must not take other tests' messages.
        "REDIS_URL": servers.valkey.url(REDIS_DATABASE),
        "VAULT_URL": vault.url,
        "SANDBOX_BANK_URL": bank.url,
        "SANDBOX_TWO_BANK_URL": bank_two.url,
        "FAULTS_DIR": str(folder / "faults"),
        "PAYOUT_SEND_AFTER_SECONDS": "1",
        "PROCESSOR_TIMEOUT_SECONDS": str(PROCESSOR_TIMEOUT_SECONDS),
        # These banks fail all the time, and are to be asked again all the same.
        "BREAKER_MIN_FAILURES": "1000000",
    }
    whole = System(
        folder,
        bank,
        bank_two,
        vault,
        processes.web(folder, environment, workers=2, port=web_port),
        processes.worker(folder, environment),
        processes.beat(folder, environment),
        environment,
    )
    try:
        for process in whole.everything:
            process.start()
        yield whole
    finally:
        for process in reversed(whole.everything):
            process.stop()


@pytest.fixture(scope="module")
def system_books(system: System, servers: Servers, django_db_blocker: Any) -> Iterator[Books]:
    """Points this process's Django at the system's database too, to look into the books."""
    before = dict(settings.DATABASES["default"])
    point_django_at(dj_database_url.parse(servers.application_url(DATABASE)))
    point_redis_at(servers.valkey.url(REDIS_DATABASE))
    try:
        with django_db_blocker.unblock():
            yield Books(DATABASE, servers)
    finally:
        point_django_at(before)


@pytest.fixture
def shop(system_books: Books) -> NewMerchant:
    """A merchant of the test's own."""
    return create_merchant("A shop")


@pytest.fixture
def bank(system: System) -> Iterator[Bank]:
    """The sandbox bank's other side: the processor `sandbox`. What is set there ends with the test."""
    control = Bank(system.bank.url)
    yield control
    control.behave()


@pytest.fixture
def bank_two(system: System) -> Iterator[Bank]:
    """The same of the second bank: the processor `sandbox_two`."""
    control = Bank(system.bank_two.url)
    yield control
    control.behave()


@pytest.fixture
def folder(system: System) -> Path:
    return system.folder
