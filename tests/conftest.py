"""Fixtures that every test may use: the run's servers, and a module's own books."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection, connections

from tests.support.servers import Servers, start_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield start_servers(stack)


@dataclass(frozen=True)
class Books:
    """A module's database. Tests commit for real; what they leave stays until the module ends."""

    name: str
    servers: Servers

    def superuser(self) -> psycopg.Connection:
        """For attacks: raw SQL, autocommit, all rights."""
        return self.servers.superuser(self.name)

    def owner(self) -> psycopg.Connection:
        return psycopg.connect(self.servers.owner_url(self.name), autocommit=True)

    def application(self) -> psycopg.Connection:
        return psycopg.connect(self.servers.application_url(self.name), autocommit=True)

    def environment(self) -> dict[str, str]:
        """For real processes beside the test."""
        return self.servers.gateway_environment(self.name)


@pytest.fixture(scope="module")
def books(servers: Servers, django_db_blocker: Any, request: pytest.FixtureRequest) -> Iterator[Books]:
    """A fresh copy of the migrated database, to which Django and Redis clients of this process now speak."""
    name = re.sub(r"\W+", "_", request.module.__name__)[-55:].lower().strip("_")
    servers.new_database(name)
    before = dict(settings.DATABASES["default"])
    target = dj_database_url.parse(servers.application_url(name))
    point_django_at(target)
    point_redis_at(servers.valkey.url())
    try:
        with django_db_blocker.unblock():
            yield Books(name, servers)
    finally:
        point_django_at(before)
        servers.drop_database(name)


def point_django_at(target: Any) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    settings.DATABASES["default"].update(target)
    connections["default"].settings_dict.update(target)


def point_redis_at(url: str) -> None:
    settings.CACHES["default"]["LOCATION"] = url
    settings.REDIS_URL = settings.CELERY_BROKER_URL = url
    # The handler keeps one client per thread; a new handler knows the new address.
    caches.settings["default"]["LOCATION"] = url
    with suppress(AttributeError):
        del caches["default"]
