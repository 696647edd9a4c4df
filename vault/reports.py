"""Django's reports of unexpected errors, as the vault makes them: the places, and nothing else."""

from typing import Any

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from vault.places import places


class PlaceReporter(ExceptionReporter):
    """In the place of Django's reports, which show the local variables of every frame."""

    def get_traceback_data(self) -> dict[str, Any]:
        return {}

    def get_traceback_html(self) -> SafeString:
        return self.get_traceback_text()

    def get_traceback_text(self) -> SafeString:
        error: BaseException | None = self.exc_value
        return conditional_escape(places(error) if error else "")
