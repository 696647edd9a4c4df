"""Statements of the write path: one round trip, planned once for each connection."""

from django.db import connection

from core.db import release_connection, run_statement
from tests.conftest import Books

ADD = "SELECT %(one)s + %(other)s AS total"


def test_a_statement_is_prepared_once_for_small_and_large_numbers(books: Books) -> None:
    with connection.cursor() as cursor:
        # On the connection that this thread holds, so that it can be asked.
        assert run_statement(ADD, {"one": 1, "other": 2})[0].total == 3
        assert run_statement(ADD, {"one": 2**40, "other": 2})[0].total == 2**40 + 2
        cursor.execute("SELECT parameter_types::text FROM pg_prepared_statements")
        assert cursor.fetchall() == [("{bigint,bigint}",)]
    release_connection()


def test_djangos_own_queries_are_not_prepared(books: Books) -> None:
    with connection.cursor() as cursor:
        run_statement(ADD, {"one": 1, "other": 2})
        for _ in range(10):
            cursor.execute("SELECT 'the same text'")
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%same text%'")
        assert cursor.fetchone() == (0,)
    release_connection()
