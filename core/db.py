"""How the write path speaks to PostgreSQL: whole phases in one round trip, and bounded repeats of what
PostgreSQL says may be repeated."""

import functools
import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import connection, transaction
from django.db.utils import OperationalError
from psycopg.rows import namedtuple_row
from psycopg.types.numeric import Int8
from psycopg_pool import PoolTimeout

from core.errors import ServiceUnavailable

# Deadlocks and serialization failures vanish within a try or two; five is a limit, not a hope.
MAX_TRIES = 5
FIRST_PAUSE_SECONDS = 0.01

P = ParamSpec("P")
R = TypeVar("R")


def load_statement(name: str) -> str:
    """The SQL in `name`, a file beside the module that calls this; read once, at import."""
    caller = inspect.stack()[1].filename
    return Path(caller).with_name(name).read_text()


def run_statement(sql: str, values: Mapping[str, Any]) -> list[Any]:
    """One statement as its own transaction in one round trip; its rows as named tuples.

    On the connection that this thread holds, else on one from the pool that goes back before this returns. A
    connection found dead is replaced once: statements run this way must be harmless when repeated.
    ServiceUnavailable when the pool is exhausted.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a phase is a transaction of its own: don't run it inside another")
    bound = {name: _bind(value) for name, value in values.items()}
    for attempt in range(MAX_TRIES):
        try:
            with _connection() as raw:
                # Django's own cursors bind on the client's side; these statements are worth preparing.
                cursor = psycopg.Cursor(raw, row_factory=namedtuple_row)
                return cursor.execute(sql, bound, prepare=True).fetchall()
        except PoolTimeout as error:
            raise ServiceUnavailable("All database connections are busy. Nothing was done.") from error
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            if attempt == MAX_TRIES - 1:
                raise
            time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        except psycopg.OperationalError as error:
            if attempt or error.sqlstate is not None:
                raise
            connection.close()
    raise AssertionError("unreachable")


def in_transaction(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a function in `atomic()` and, where it is the outermost, repeats it on deadlock or serialization
    failure, a bounded number of times."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return function(*args, **kwargs)
        for attempt in range(MAX_TRIES):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except OperationalError as error:
                if attempt == MAX_TRIES - 1 or not _may_repeat(error):
                    raise
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError("unreachable")

    return run


def release_connection() -> None:
    """Gives this thread's connection back to the pool. Called before anything that may take long."""
    if connection.in_atomic_block:
        raise RuntimeError("no network call inside a database transaction")
    connection.close()


def _bind(value: Any) -> Any:
    """Integers always as bigint: otherwise each mix of small and large ones would be prepared anew."""
    if type(value) is int:
        return Int8(value)
    if type(value) in (list, tuple):
        return [_bind(item) for item in value]
    return value


def _may_repeat(error: OperationalError) -> bool:
    return isinstance(error.__cause__, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)


def _connection() -> AbstractContextManager[Any]:
    """Never a second one for a thread that holds one: as many such threads as the pool has places would wait
    for each other."""
    if connection.connection is not None:
        return nullcontext(connection.connection)
    pool = connection.pool  # type: ignore[attr-defined]
    if pool.closed:
        pool.open()
    held: AbstractContextManager[Any] = pool.connection()
    return held
