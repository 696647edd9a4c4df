"""How the write path speaks to PostgreSQL: whole phases in one round trip, and bounded repeats of what
PostgreSQL says may be repeated."""

import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import connection, transaction
from django.db.utils import OperationalError
from psycopg.rows import namedtuple_row
from psycopg.types.numeric import Int8
from psycopg_pool import PoolTimeout

from core.errors import DatabaseUnavailable

# Deadlocks and serialization failures vanish within a try or two; five is a limit, not a hope.
MAX_TRIES = 5
FIRST_PAUSE_SECONDS = 0.01
# Uses of a statement after which psycopg would prepare it by itself.
ONLY_WHEN_ASKED = 2**31

P = ParamSpec("P")
R = TypeVar("R")


def load_statement(name: str) -> str:
    """The SQL in `name`, a file beside the module that calls this; read once, at import."""
    caller = inspect.stack()[1].filename
    return Path(caller).with_name(name).read_text()


def run_statement(sql: str, values: Mapping[str, Any]) -> list[Any]:
    """One statement as its own transaction in one round trip; its rows as named tuples.

    On the connection that this thread holds, else on one from the pool that goes back before this returns. A
    connection found dead is replaced: statements run this way must be harmless when repeated.
    DatabaseUnavailable when the pool is exhausted.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a phase is a transaction of its own: don't run it inside another")
    bound = {
        name: BINDERS[type(value)](value) if type(value) in BINDERS else value
        for name, value in values.items()
    }
    for attempt in range(MAX_TRIES):
        try:
            with _connection() as raw:
                # Django's own cursors bind on the client's side, and it has psycopg ignore `prepare` as well. Parsing
                # and planning these anew each time would take as long as running them.
                raw.prepare_threshold = ONLY_WHEN_ASKED
                cursor = psycopg.Cursor(raw, row_factory=namedtuple_row)
                return cursor.execute(sql, bound, prepare=True).fetchall()
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
    """Runs a function in `atomic()` and, where it is the outermost, repeats it on deadlock, serialization failure
    or a lost connection, a bounded number of times."""

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


def _bigints(values: Sequence[Any]) -> list[Any]:
    return [Int8(value) if type(value) is int else value for value in values]


# Integers always as bigint: otherwise each mix of small and large ones would be prepared anew.
BINDERS: dict[type, Callable[[Any], Any]] = {int: Int8, list: _bigints, tuple: _bigints}


def _may_repeat(error: OperationalError) -> bool:
    """What is run again must be harmless when the lost commit had arrived after all: claims and references see
    to that."""
    cause = error.__cause__
    return isinstance(
        cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure
    ) or _connection_lost(cause)


def _connection_lost(error: BaseException | None) -> bool:
    """Cut off by the network, or by a server that restarts (SQLSTATE classes 08 and 57P)."""
    if not isinstance(error, psycopg.OperationalError) or isinstance(error, PoolTimeout):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _replace_dead_connections() -> None:
    """A restart of PostgreSQL kills them all at once: the pool looks through those that wait in it."""
    connection.close()
    connection.pool.check()  # type: ignore[attr-defined]


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
