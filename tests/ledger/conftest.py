"""A merchant of its own for each test, and connections that go around the services."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from merchants.services import create_merchant


@pytest.fixture
def merchant_id(books: Any) -> int:
    return create_merchant("A shop").merchant.pk


@pytest.fixture
def raw(books: Any) -> Iterator[psycopg.Connection]:
    """As superuser, each statement a transaction of its own unless the test opens one."""
    with books.superuser() as connection:
        yield connection
