"""Breaks as a file for a spreadsheet, which must not take any of their words for a formula. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# What makes spreadsheets calculate, or even call programs.
STARTERS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return text.getvalue()


def cell(value: object) -> str:
    """A text that could be a formula gets an apostrophe in front; numbers stay numbers."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(STARTERS) and not NUMBER.fullmatch(text) else text
