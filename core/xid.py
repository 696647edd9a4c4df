"""The number of the database transaction that wrote a row: what became visible is told by it, not by ids."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class TransactionIdField(models.BigIntegerField):  # type: ignore[type-arg]  # no subscript at run time
    """PostgreSQL's xid8: a number of 64 bits that names a database transaction and does not wrap around."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "xid8"

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> int | None:
        return None if value is None else int(value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        # No number turns into an xid8, but text does.
        return None if value is None else str(value)
