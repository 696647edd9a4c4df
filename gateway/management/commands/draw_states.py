"""`draw_states`: writes docs/states.md from the models."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from payments import drawings
from reconciliation.drawings import MACHINES


def states_page() -> str:
    return drawings.page([*drawings.MACHINES, *MACHINES])


class Command(BaseCommand):
    help = "Draws the state machines into docs/states.md."

    def handle(self, *args: Any, **options: Any) -> None:
        target = settings.BASE_DIR / "docs" / "states.md"
        target.write_text(states_page())
        self.stdout.write(f"Wrote {target.relative_to(settings.BASE_DIR)}.")
