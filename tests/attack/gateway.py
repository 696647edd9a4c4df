"""A gateway to attack: real servers and processes, with a live mode at a sandbox bank."""

from collections.abc import Callable
from contextlib import ExitStack

import dj_database_url
from django.conf import settings

from merchants.services import create_merchant
from payments.services.publishable_keys import push_publishable_keys
from sandbox.purses import Shop
from tests.conftest import point_django_at, point_redis_at
from tests.support import processes
from tests.support.servers import Servers, start_servers

DATABASE = "attack"


def opened(stack: ExitStack, servers: Servers | None = None) -> Callable[[], Shop]:
    """Makes shops, each a merchant of its own. `stack` ends all of it."""
    servers = servers or start_servers(stack)
    servers.new_database(DATABASE)
    folder = servers.folder / "attack"
    folder.mkdir()
    bank = processes.bank(folder)
    vault = processes.vault(folder, servers.vault_environment(), banks=[bank.url])
    environment = {
        **servers.gateway_environment(DATABASE),
        "DJANGO_SETTINGS_MODULE": "tests.attack.settings",
        "VAULT_URL": vault.url,
        "SANDBOX_BANK_URL": bank.url,
    }
    web = processes.web(folder, environment, workers=2)
    for process in (bank, vault, web):
        stack.callback(process.stop)
        process.start()
    point_django_at(dj_database_url.parse(servers.application_url(DATABASE)))
    point_redis_at(servers.valkey.url())
    settings.VAULT_URL, settings.VAULT_SHARED_SECRET = vault.url, environment["VAULT_SHARED_SECRET"]

    def new_shop() -> Shop:
        keys = create_merchant("A shop under attack").keys
        while push_publishable_keys():
            pass
        return Shop(web.url, vault.url, keys["sk_live"], keys["pk_live"])

    return new_shop
