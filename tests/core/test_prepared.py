"""Statements on libpq itself: every value arrives as it was sent, every error is psycopg's, and no connection is
trusted to know a statement for ever."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection

from core.db import release_connection, run_statement
from core.prepared import MAX_PREPARED, run_prepared
from payments.models import Charge
from tests.conftest import Books

# Numbers that come in any order, once or often, beside text with a per cent sign.
EVERY_KIND = """
    SELECT %(text)s::text AS text, %(number)s::bigint AS number, %(share)s::float8 AS share, %(yes)s AS yes,
           %(moment)s AS moment, %(nothing)s::text AS nothing, %(numbers)s::bigint[] AS numbers,
           %(words)s::text[] AS words, %(text)s || '%%' AS again, %(number)s::int2 AS small,
           '{"a": 1}'::jsonb AS data, 1.50::numeric AS numeric, '\\xff00'::bytea AS bytes
"""


@pytest.fixture
def raw(books: Books) -> Iterator[psycopg.Connection[Any]]:
    """A connection that this test holds, as Django set it up."""
    with connection.cursor():
        yield connection.connection
    release_connection()


@pytest.mark.parametrize("text", ["", 'it\'s "quoted" \\ and {braced}, NULL', "zwölf 🙂 \n"])
def test_values_arrive_as_they_were_sent(raw: Any, text: str) -> None:
    moment = datetime(2026, 2, 28, 23, 59, 59, 120, tzinfo=UTC)
    values = {
        "text": text,
        "number": -(2**15),
        "share": 0.1,
        "yes": True,
        "moment": moment,
        "nothing": None,
        "numbers": [1, None, 2**40],
        "words": [text, "b"],
    }
    (row,) = run_prepared(raw, EVERY_KIND, values)
    assert row._asdict() == values | {
        "again": text + "%",
        "small": -(2**15),
        "data": '{"a": 1}',
        "numeric": Decimal("1.50"),
        "bytes": b"\xff\x00",
    }
    assert row.moment.tzinfo is UTC


def test_an_answer_may_have_any_number_of_rows(raw: Any) -> None:
    rows = run_prepared(raw, "SELECT generate_series(1, %(n)s) AS line", {"n": 3})
    assert [row.line for row in rows] == [1, 2, 3]
    assert run_prepared(raw, "SELECT generate_series(1, %(n)s) AS line", {"n": 0}) == []


def test_a_states_word_is_bound_like_any_text(raw: Any) -> None:
    (row,) = run_prepared(raw, "SELECT %(state)s::text AS state", {"state": Charge.State.CAPTURED})
    assert row.state == "captured"


@pytest.mark.parametrize("values", [{"a": "x\x00y"}, {"a": ["x\x00y"]}])
def test_a_nul_is_refused_and_cuts_nothing_off(raw: Any, values: dict[str, Any]) -> None:
    with pytest.raises(psycopg.DataError):
        run_prepared(raw, "SELECT %(a)s", values)


def test_what_is_no_placeholder_is_refused(raw: Any) -> None:
    with pytest.raises(psycopg.ProgrammingError):
        run_prepared(raw, "SELECT 1 %s", {})
    with pytest.raises(TypeError):
        run_prepared(raw, "SELECT %(a)s", {"a": object()})


def test_errors_are_psycopgs_with_their_state(raw: Any) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero) as raised:
        run_prepared(raw, "SELECT 1 / %(zero)s", {"zero": 0})
    assert raised.value.sqlstate == "22012"
    assert run_prepared(raw, "SELECT 1 / %(zero)s AS one", {"zero": 1})[0].one == 1


def test_a_statement_that_was_thrown_away_is_prepared_again(raw: Any) -> None:
    for _ in range(2):
        assert run_prepared(raw, "SELECT %(a)s::text AS a", {"a": "x"})[0].a == "x"
        raw.execute("DISCARD ALL")


def test_a_changed_table_is_read_anew(raw: Any, books: Books) -> None:
    with books.superuser() as superuser:
        superuser.execute("CREATE TABLE changing AS SELECT 1::bigint AS a")
        superuser.execute("GRANT SELECT ON changing TO PUBLIC")
        assert run_prepared(raw, "SELECT * FROM changing", {})[0].a == 1
        superuser.execute("ALTER TABLE changing ALTER a TYPE text USING 'one'")
        assert run_prepared(raw, "SELECT * FROM changing", {})[0].a == "one"
        superuser.execute("DROP TABLE changing")


def test_a_connection_remembers_a_bounded_number_of_statements(raw: Any) -> None:
    for number in range(MAX_PREPARED + 2):
        assert run_prepared(raw, f"SELECT {number} AS a", {})[0].a == number
    (kept,) = run_prepared(raw, "SELECT count(*) AS statements FROM pg_prepared_statements", {})
    assert kept.statements <= MAX_PREPARED


def test_a_lost_connection_is_replaced(books: Books) -> None:
    """As when PostgreSQL restarts: all of the pool's are gone at once."""
    ask = "SELECT pg_backend_pid() AS pid, %(one)s AS one"
    before = run_statement(ask, {"one": 1})[0]
    with books.superuser() as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    after = run_statement(ask, {"one": 1})[0]
    assert (after.one, after.pid != before.pid) == (1, True)


def test_a_lost_connection_is_an_operational_error_without_a_state(raw: Any, books: Books) -> None:
    """On the wire it looks like nothing at all, unless the server still had time to say why."""
    raw.pgconn.finish()
    with pytest.raises(psycopg.OperationalError) as raised:
        run_prepared(raw, "SELECT 1", {})
    assert raised.value.sqlstate is None
