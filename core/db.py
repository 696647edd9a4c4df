"""How the write path speaks to PostgreSQL: whole phases in one round trip, and bounded repeats of what
PostgreSQL says may be repeated."""

import functools
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.utils import IntegrityError, OperationalError
from psycopg_pool import PoolTimeout

from core.errors import DatabaseUnavailable, Overtaken
from core.prepared import run_prepared

# Deadlocks and serialization failures vanish within a try or two; five is a limit, not a hope.
MAX_TRIES = 5
FIRST_PAUSE_SECONDS = 0.01

P = ParamSpec("P")
R = TypeVar("R")


def load_statement(name: str) -> str:
    """The SQL in `name`, a file beside the module that calls this; read once, at import."""
    # Not inspect.stack(): that reads the source of every module on the way.
    caller = sys._getframe(1).f_code.co_filename
    return Path(caller).with_name(name).read_text()


def run_statement(sql: str, values: Mapping[str, Any]) -> list[Any]:
    """One statement as its own transaction in one round trip; its rows as named tuples.

    On the connection that this thread holds, else on one from the pool that goes back before this returns. A
    connection found dead is replaced: statements run this way must be harmless when repeated.
    DatabaseUnavailable when the pool is exhausted.
    """
    for attempt in range(MAX_TRIES):
        try:
            return _run_once(sql, values)
        except PoolTimeout as error:
            raise DatabaseUnavailable from error
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            if attempt == MAX_TRIES - 1:
                raise
            time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        except psycopg.OperationalError as error:
            if attempt == MAX_TRIES - 1 or not _connection_lost(error):
                raise
            _replace_dead_connections()
    raise AssertionError("unreachable")


def in_transaction(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a function in `atomic()` and, where it is the outermost, repeats it on deadlock, serialization failure,
    `Overtaken` or a lost connection, a bounded number of times."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return function(*args, **kwargs)
        for attempt in range(MAX_TRIES):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except (OperationalError, Overtaken) as error:
                if attempt == MAX_TRIES - 1 or not _may_repeat(error):
                    raise
                if _connection_lost(error.__cause__):
                    _replace_dead_connections()
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError("unreachable")

    return run


def release_connection() -> None:
    """Gives this thread's connection back to the pool. Called before anything that may take long."""
    if connection.in_atomic_block:
        raise RuntimeError("no network call inside a database transaction")
    connection.close()


def constraint_of(error: IntegrityError | psycopg.Error) -> str | None:
    """The name of the constraint, or of what a trigger of ours calls one, that the error is about."""
    cause = error.__cause__ if isinstance(error, IntegrityError) else error
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None


def _may_repeat(error: OperationalError | Overtaken) -> bool:
    """What is run again must be harmless when the lost commit had arrived after all: claims and references see
    to that."""
    cause = error.__cause__
    again = psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure
    return isinstance(error, Overtaken) or isinstance(cause, again) or _connection_lost(cause)


def _connection_lost(error: BaseException | None) -> bool:
    """Cut off by the network, or by a server that restarts (SQLSTATE classes 08 and 57P)."""
    if not isinstance(error, psycopg.OperationalError) or isinstance(error, PoolTimeout):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _replace_dead_connections() -> None:
    """A restart of PostgreSQL kills them all at once: the pool looks through those that wait in it."""
    connection.close()
    connection.pool.check()  # type: ignore[attr-defined]


def _run_once(sql: str, values: Mapping[str, Any]) -> list[Any]:
    """Never on a second connection for a thread that holds one: as many such threads as the pool has places would
    wait for each other."""
    own: Any = connections[DEFAULT_DB_ALIAS]
    if own.in_atomic_block:
        raise RuntimeError("a phase is a transaction of its own: don't run it inside another")
    if own.connection is not None:
        return run_prepared(own.connection, sql, values)
    pool = own.pool
    if pool.closed:
        pool.open()
    raw = pool.getconn()
    try:
        return run_prepared(raw, sql, values)
    finally:
        pool.putconn(raw)
