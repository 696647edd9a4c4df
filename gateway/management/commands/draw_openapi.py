"""`draw_openapi`: writes docs/openapi.json from the API's addresses and parameters."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gateway.openapi import document


def openapi_page() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


class Command(BaseCommand):
    help = "Draws the API into docs/openapi.json."

    def handle(self, *args: Any, **options: Any) -> None:
        target = settings.BASE_DIR / "docs" / "openapi.json"
        target.write_text(openapi_page())
        self.stdout.write(f"Wrote {target.relative_to(settings.BASE_DIR)}.")
