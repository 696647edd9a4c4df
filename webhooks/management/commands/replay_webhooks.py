"""`manage.py replay_webhooks ENDPOINT --since TIME`: sends an endpoint its events of a time once more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import Progress

from core.arguments import moment
from core.errors import InvalidRequest
from webhooks.models import WebhookEndpoint
from webhooks.services.resend import ask_for_replay, finish_replay


class Command(BaseCommand):
    help = "Sends an endpoint the events that it missed since a time; with --all, those that it got too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("endpoint", help="we_…")
        parser.add_argument("--since", type=moment, required=True, help="in UTC, such as 2026-11-24T09:30")
        parser.add_argument("--until", type=moment, help="now, unless given")
        parser.add_argument("--all", action="store_true", help="also what was delivered")

    def handle(self, *args: Any, **options: Any) -> None:
        endpoint = WebhookEndpoint.objects.filter(public_id=options["endpoint"]).first()
        if endpoint is None:
            raise CommandError(f"There is no webhook endpoint {options['endpoint']}.")
        try:
            replay = ask_for_replay(
                endpoint,
                since=options["since"],
                until=options["until"],
                only_missed=not options["all"],
                asked_by="the command line",
            )
            with Progress(transient=True) as shown:
                task = shown.add_task("events", total=100)
                made = finish_replay(
                    replay,
                    progress=lambda so_far: shown.update(
                        task, completed=so_far.percent, description=f"{so_far.events} events"
                    ),
                )
        except InvalidRequest as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{made} events will be sent to {endpoint.url}.")
