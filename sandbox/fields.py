"""Reads the fields of a JSON body, with their types and bounds. Messages name a field, never its value."""

import re
from collections.abc import Mapping

# A reference is printed in the log and is part of a URL: nothing that could break either.
REFERENCE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

_REQUIRED = object()


class InvalidRequest(Exception):
    """The body is not what this URL takes. Nothing was done."""


class Fields:
    """One JSON object being read; `finish` refuses whatever nobody asked for."""

    def __init__(self, body: object, name: str = "") -> None:
        if not isinstance(body, Mapping):
            raise InvalidRequest(f"{name or 'the body'} must be a JSON object")
        self._left = dict(body)
        self._prefix = f"{name}." if name else ""

    def take(self, name: str, default: object = _REQUIRED) -> object:
        value = self._left.pop(name, default)
        if value is _REQUIRED:
            raise self.wrong(name, "is missing")
        return value

    def text(self, name: str, pattern: str | re.Pattern[str]) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.wrong(name, "is not a valid value")
        return value

    def optional_text(self, name: str, pattern: str) -> str | None:
        if self._left.get(name) is None:
            self.take(name, None)
            return None
        return self.text(name, pattern)

    def integer(self, name: str, least: int, most: int) -> int:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(name, f"must be an integer between {least} and {most}")
        return value

    def number(self, name: str, least: float, most: float) -> float:
        value = self.take(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(name, f"must be a number between {least} and {most}")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return value

    def optional_flag(self, name: str) -> bool:
        """False where it is left out."""
        return self.flag(name) if self.has(name) else bool(self.take(name, None))

    def texts(self, names: str, longest: int) -> dict[str, str]:
        """All that is left, where every name fits the pattern and every value is a text."""
        taken, self._left = self._left, {}
        for name, value in taken.items():
            if not re.fullmatch(names, str(name)) or not isinstance(value, str) or len(value) > longest:
                raise self.wrong("a field", "is not a valid text")
        return taken

    def has(self, name: str) -> bool:
        return self._left.get(name) is not None

    def wrong(self, name: str, complaint: str) -> InvalidRequest:
        return InvalidRequest(f"{self._prefix}{name} {complaint}")

    def finish(self) -> None:
        # The names are the caller's text and could hold anything, a card number too: only counted.
        if leftover := sum(value is not None for value in self._left.values()):
            raise InvalidRequest(f"{self._prefix or 'the body'} has {leftover} unknown field(s)")
