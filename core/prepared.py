"""Statements that each connection prepares once, spoken to PostgreSQL through libpq itself: a psycopg cursor takes
longer to bind forty values and read one row than PostgreSQL's answer takes. Errors and rows are as psycopg's."""

import functools
import itertools
import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

# More than any process of ours has. Where there are more after all, a connection forgets them and starts anew.
MAX_PREPARED = 200

Encode = Callable[[Any], bytes | None]
Decode = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement for values of certain types; `types` are PostgreSQL's, 0 where it is to infer one."""

    name: bytes
    text: bytes
    types: tuple[int, ...]
    encoders: tuple[Encode, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How an answer's lines become rows."""

    row: Callable[..., Any]
    decoders: tuple[Decode, ...]


# What each connection has prepared; the shape of a statement's answer is known after the first one.
_prepared: WeakKeyDictionary[Any, dict[bytes, Shape | None]] = WeakKeyDictionary()
_numbers = itertools.count(1)


def run_prepared(raw: "psycopg.Connection[Any]", sql: str, values: Mapping[str, Any]) -> list[Any]:
    """One statement, outside of any transaction block; its rows as named tuples. `%(name)s` stands for a value.

    Raises what psycopg raises: an OperationalError without an SQLSTATE where the connection was lost.
    """
    given = [values[name] for name in _names(sql)]
    plan = _plan(sql, tuple(map(type, given)))
    bound = [encode(value) for encode, value in zip(plan.encoders, given, strict=True)]
    if b"\0" in b"".join(filter(None, bound)):
        # libpq would take it for the end of the value.
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    known = _prepared.setdefault(raw, {})
    try:
        result = _execute(raw.pgconn, plan, bound, known)
    except (errors.InvalidSqlStatementName, errors.FeatureNotSupported):
        # Nothing was done: the statement was thrown away (DISCARD ALL), or a migration changed what it returns.
        _forget_all(raw.pgconn, known)
        result = _execute(raw.pgconn, plan, bound, known)
    if not (count := result.ntuples):
        return []
    shape = known[plan.name]
    if shape is None:
        shape = known[plan.name] = _shape(raw, result)
    return [_row(shape, result, line) for line in range(count)]


def _execute(pgconn: PGconn, plan: Plan, bound: list[Any], known: dict[bytes, Any]) -> PGresult:
    if plan.name not in known:
        if len(known) >= MAX_PREPARED:
            _forget_all(pgconn, known)
        _check(pgconn, pgconn.prepare(plan.name, plan.text, plan.types))
        known[plan.name] = None
    result = pgconn.exec_prepared(plan.name, bound)
    _check(pgconn, result)
    return result


def _forget_all(pgconn: PGconn, known: dict[bytes, Any]) -> None:
    known.clear()
    _check(pgconn, pgconn.exec_(b"DEALLOCATE ALL"))


def _check(pgconn: PGconn, result: PGresult) -> None:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return
    error = errors.error_from_result(result)
    if error.sqlstate is None and pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(str(error))
    raise error


@functools.cache
def _names(sql: str) -> tuple[str, ...]:
    return _translated(sql)[0]


@functools.cache
def _plan(sql: str, kinds: tuple[type, ...]) -> Plan:
    both = [_encoder(kind) for kind in kinds]
    types = tuple(type_ for type_, _ in both)
    return Plan(_name(sql, types), _translated(sql)[1], types, tuple(encode for _, encode in both))


@functools.cache
def _name(sql: str, types: tuple[int, ...]) -> bytes:
    return b"tollgate_%d" % next(_numbers)


def _translated(sql: str) -> tuple[tuple[str, ...], bytes]:
    """The names of the values in the order of their numbers, and the statement with `$1`, `$2`, …"""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[1] is None:
            raise psycopg.ProgrammingError(f"{found[0]!r} is not a placeholder: write %(name)s, or %% for %")
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}"

    text = re.sub(r"%(?:\((\w+)\)s|.?)", number, sql, flags=re.DOTALL)
    return tuple(numbers), text.encode()


def _encoder(kind: type) -> tuple[int, Encode]:
    """The PostgreSQL type to declare for values of a Python type, and how they are written."""
    for known, encoder in ENCODERS.items():
        if issubclass(kind, known):
            return encoder
    raise TypeError(f"a statement can not bind {kind.__name__}")


def _array(values: "list[Any] | tuple[Any, ...]") -> bytes:
    return b"{%b}" % b",".join(map(_element, values))


def _element(value: Any) -> bytes:
    text = _encoder(type(value))[1](value)
    if text is None:
        return b"NULL"
    return b'"%b"' % text.replace(b"\\", rb"\\").replace(b'"', rb"\"")


# Integers are always declared as bigint: otherwise each mix of small and large ones would be prepared anew.
ENCODERS: dict[type, tuple[int, Encode]] = {
    bool: (16, lambda value: b"t" if value else b"f"),
    int: (20, lambda value: b"%d" % value),
    float: (701, lambda value: repr(value).encode()),
    str: (0, str.encode),
    NoneType: (0, lambda value: None),
    datetime: (1184, lambda value: value.isoformat().encode()),
    list: (0, _array),
    tuple: (0, _array),
}


def _moment(field: bytes) -> datetime:
    return datetime.fromisoformat(field.decode()).astimezone(UTC)


# By the types' numbers in PostgreSQL's catalogue. psycopg reads the others.
DECODERS: dict[int, Decode] = {
    16: lambda field: field == b"t",
    20: int,
    21: int,
    23: int,
    25: bytes.decode,
    1043: bytes.decode,
    1184: _moment,
}


def _shape(raw: "psycopg.Connection[Any]", result: PGresult) -> Shape:
    columns = range(result.nfields)
    names = [(result.fname(column) or b"").decode() for column in columns]
    row = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    loaders = Transformer(raw.adapters)
    return Shape(
        row,
        tuple(
            DECODERS.get(result.ftype(column)) or loaders.get_loader(result.ftype(column), Format.TEXT).load
            for column in columns
        ),
    )


def _row(shape: Shape, result: PGresult, line: int) -> Any:
    fields = [result.get_value(line, column) for column in range(len(shape.decoders))]
    return shape.row(
        *[
            None if field is None else decode(field)
            for field, decode in zip(fields, shape.decoders, strict=True)
        ]
    )
