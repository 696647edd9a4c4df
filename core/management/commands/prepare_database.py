"""`prepare_database [ROLE]`: `migrate` and then `grant_application`, in one process, which starts faster than
two. Run as the owner of the tables."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrates the database, then grants ROLE what the application needs; no ROLE, no grants."
    # They are for `make check`; here they would only cost time, at every start.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", nargs="?")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", skip_checks=True, interactive=False)
        if options["role"]:
            call_command("grant_application", options["role"])
