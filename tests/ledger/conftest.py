"""A merchant of its own for each test, and connections that go around the services."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ledger import checks
from ledger.checks import registered
from merchants.services import create_merchant


@pytest.fixture
def merchant_id(books: Any) -> int:
    return create_merchant("A shop").merchant.pk


@pytest.fixture
def raw(books: Any) -> Iterator[psycopg.Connection]:
    """As superuser, each statement a transaction of its own unless the test opens one."""
    with books.superuser() as connection:
        yield connection


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is tested without the layers above, whose checks know operations that are not here."""
    monkeypatch.setattr(
        checks, "_checks", [check for check in registered() if check.__module__.startswith("ledger.")]
    )
