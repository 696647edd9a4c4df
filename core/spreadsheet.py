"""Rows as a file for a spreadsheet (RFC 4180), which must not take any of their words for a formula. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from core.money import CURRENCIES, decimals

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# What makes spreadsheets calculate, or even call programs; full-width signs too (OWASP, CSV injection).
STARTERS = tuple("=+-@\t\r\n＝＋－＠")
# Without it, Excel takes UTF-8 for something else.
BYTE_ORDER_MARK = "\ufeff"
ROWS_IN_A_PIECE = 500


def csv_pieces(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file, piece by piece: no more than some hundred rows are in memory."""
    text = io.StringIO()
    writer = csv.writer(text)
    text.write(BYTE_ORDER_MARK)
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow([cell(value) for value in row])
        if number % ROWS_IN_A_PIECE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def cell(value: object) -> str:
    """A text that could be a formula gets an apostrophe in front; numbers stay numbers."""
    text = _text(value)
    risky = text.startswith(STARTERS) or text.lstrip().startswith(STARTERS)
    return f"'{text}" if risky and not NUMBER.fullmatch(text) else text


def decimal_text(amount_minor: int | None, currency: str) -> str:
    """`-1234.50`: an amount in its currency, without its name."""
    if amount_minor is None:
        return ""
    places = decimals(currency) if currency in CURRENCIES else 0
    return f"{Decimal(amount_minor).scaleb(-places):.{places}f}"


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)
