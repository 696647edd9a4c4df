"""How the vault tells of an unexpected error: its type and the places it passed, never a value. Messages of
libraries quote what they were given, and here that is a card."""

import traceback
from types import TracebackType
from typing import Any

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from core.redaction import RedactingFormatter

LIBRARIES = "site-packages"


def places(error: BaseException) -> str:
    """`ValueError at vault/card.py:31 (parse) < vault/views/public.py:20 (tokens)`, innermost first."""
    frames = list(reversed(traceback.extract_tb(error.__traceback__)))
    # Where it was raised, and the way there through our own code.
    told = frames[:1] + [frame for frame in frames[1:] if LIBRARIES not in frame.filename]
    where = [f"{_short(frame.filename)}:{frame.lineno} ({frame.name})" for frame in told]
    text = f"{type(error).__module__}.{type(error).__qualname__} at {' < '.join(where) or 'an unknown place'}"
    return f"{text}; caused by {places(error.__cause__)}" if error.__cause__ else text


class PlaceFormatter(RedactingFormatter):
    """One line a record, without cards and keys; an exception adds its type and place."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return places(ei[1]) if ei[1] else ""


class PlaceReporter(ExceptionReporter):
    """In the place of Django's reports, which show the local variables of every frame."""

    def get_traceback_data(self) -> dict[str, Any]:
        return {}

    def get_traceback_html(self) -> SafeString:
        return self.get_traceback_text()

    def get_traceback_text(self) -> SafeString:
        error: BaseException | None = self.exc_value
        return conditional_escape(places(error) if error else "")


def _short(filename: str) -> str:
    return "/".join(filename.split("/")[-2:])
