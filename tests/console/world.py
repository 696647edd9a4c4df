"""A gateway for the console: real web, vault and bank, on a database of its own. Without a worker."""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import dj_database_url
from django.conf import settings

from tests.conftest import point_django_at, point_redis_at
from tests.support import processes
from tests.support.servers import Servers

# Short, so that a bank that does not answer is given up on within a test.
PROCESSOR_TIMEOUT_SECONDS = 3


@dataclass(frozen=True)
class World:
    servers: Servers
    database: str
    url: str
    bank_url: str

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[None]:
        """This process's Django speaks to the same database and Redis as the gateway."""
        before = dict(settings.DATABASES["default"])
        point_django_at(dj_database_url.parse(self.servers.application_url(self.database)))
        point_redis_at(self.servers.valkey.url())
        try:
            yield
        finally:
            point_django_at(before)


def start_world(stack: ExitStack, servers: Servers, database: str = "console", **variables: str) -> World:
    servers.new_database(database)
    folder = servers.folder / database
    folder.mkdir()
    bank = processes.bank(folder)
    vault = processes.vault(folder, servers.vault_environment(), banks=[bank.url])
    environment = {
        **servers.gateway_environment(database),
        "VAULT_URL": vault.url,
        "SANDBOX_BANK_URL": bank.url,
        "PROCESSOR_TIMEOUT_SECONDS": str(PROCESSOR_TIMEOUT_SECONDS),
        **variables,
    }
    web = processes.web(folder, environment)
    for process in (bank, vault, web):
        stack.callback(process.stop)
        process.start()
    return World(servers, database, web.url, bank.url)
