"""Roles and databases on a server that is ours: the gateway and the vault each own one, and neither may enter
the other's. The roles that applications use own nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from gateway.embedded import EmbeddedPostgres


@dataclass(frozen=True)
class Account:
    """A database with its two roles: the owner changes the schema, the application works with the rows."""

    database: str
    owner: str
    owner_password: str
    application: str
    application_password: str

    def owner_url(self, server: EmbeddedPostgres) -> str:
        return server.url(self.owner, self.owner_password, self.database)

    def application_url(self, server: EmbeddedPostgres) -> str:
        return server.url(self.application, self.application_password, self.database)


def ensure_account(server: EmbeddedPostgres, account: Account) -> None:
    """The roles and the database exist afterwards, with these passwords and no rights beyond them."""
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        ensure_role(connection, account.owner, account.owner_password)
        ensure_role(connection, account.application, account.application_password)
        ensure_database(connection, account.database, owner=account.owner, users=[account.application])
        for shared in ("postgres", "template1"):
            close_to_public(connection, shared)


def ensure_role(connection: psycopg.Connection, name: str, password: str) -> None:
    # Hashed on this side: a statement with the password itself could end in a log.
    hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    command = "ALTER" if known is not None else "CREATE"
    connection.execute(
        sql.SQL(command + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(hashed)
        )
    )


def ensure_database(
    connection: psycopg.Connection,
    name: str,
    *,
    owner: str,
    users: Sequence[str],
    template: str = "template0",
) -> None:
    """`template` is copied where the database is new; nobody may be connected to it then."""
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)
            )
        )
    close_to_public(connection, name)
    for user in users:
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), sql.Identifier(user))
        )


def drop_database(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def close_to_public(connection: psycopg.Connection, database: str) -> None:
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
