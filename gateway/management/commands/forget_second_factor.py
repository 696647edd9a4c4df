"""`manage.py forget_second_factor NAME`: for the last administrator, who lost the phone and the recovery codes."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.second_factor import forget


class Command(BaseCommand):
    help = "Takes a person's second factor away: they set up a new one when they next sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name that they sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["name"]).first()
        if person is None:
            raise CommandError(f"Nobody signs in as '{options['name']}'.")
        forget(person)
        self.stdout.write(f"{person} sets up a new second factor when they next sign in.")
