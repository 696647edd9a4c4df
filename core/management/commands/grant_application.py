"""`manage.py grant_application ROLE`: what the application's role may do, after every migration. It owns no
table, may change no append-only row, and may TRUNCATE nothing."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from psycopg import sql

APPEND_ONLY = """
    SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE tgname = 'append_only'
"""


class Command(BaseCommand):
    help = "Grants ROLE what the application needs in this database, and nothing else."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *args: Any, **options: Any) -> None:
        role = sql.Identifier(options["role"])
        with connection.cursor() as cursor:
            for grant in (
                "GRANT USAGE ON SCHEMA public TO {}",
                "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}",
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
                "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}",
            ):
                cursor.execute(sql.SQL(grant).format(role))
            cursor.execute(APPEND_ONLY)
            # Which migrations ran is the owner's to say.
            for table in ("django_migrations", *(row[0] for row in cursor.fetchall())):
                cursor.execute(
                    sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}").format(sql.Identifier(table), role)
                )
            cursor.execute(sql.SQL("REVOKE INSERT ON django_migrations FROM {}").format(role))
        self.stdout.write(f"{options['role']} may work in {connection.settings_dict['NAME']}.")
