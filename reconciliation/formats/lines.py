"""What every format is read into, and how amounts and moments are read from text. Pure."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, Protocol

from core.money import CURRENCIES, decimals

DECIMAL = re.compile(r"([+-]?)([0-9]{1,15})(?:\.([0-9]{1,10}))?")
INTEGER = re.compile(r"-?[0-9]{1,18}")
# What the columns hold; PostgreSQL would refuse longer ones without naming the line, and a NUL in any.
TEXT = re.compile(r"[^\x00-\x1f\x7f]{0,100}")
MOST_MINOR = 10**17


class FileRefused(Exception):
    """The file is not what it says, or not all of it is there. Nothing of it was taken."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(f"Line {line}: {reason}" if line else reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Line:
    """One line; signed amounts in the smallest unit, what comes to us positive."""

    number: int
    kind: str
    reference: str
    processor_id: str
    related_id: str
    currency: str
    gross_minor: int
    fee_minor: int
    status: str
    occurred_at: datetime

    @property
    def net_minor(self) -> int:
        return self.gross_minor - self.fee_minor


class Report(Protocol):
    """Read once, from front to back. `day` is known once the first line was read, or the last."""

    day: date | None

    def __init__(self, content: IO[bytes]) -> None: ...

    def lines(self) -> Iterator[Line]:
        """FileRefused as soon as something is wrong: then no line of it may be used."""
        ...


def rows(content: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV with the number of the line that each ends on; empty ones are left out."""
    text = io.TextIOWrapper(content, "utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise FileRefused("this is not text in UTF-8.", reader.line_num + 1) from error
    except csv.Error as error:
        raise FileRefused(f"this is not CSV: {error}.", reader.line_num) from error
    finally:
        # The file is the caller's to close.
        text.detach()


def read_currency(text: str, at: int) -> str:
    currency = text.lower()
    if currency not in CURRENCIES:
        raise FileRefused(f"currency '{text[:20]}' is not one that we know.", at)
    return currency


def read_integer(text: str, name: str, at: int) -> int:
    if not INTEGER.fullmatch(text) or abs(int(text)) > MOST_MINOR:
        raise FileRefused(f"{name} '{text[:40]}' is not an integer of a currency's smallest unit.", at)
    return int(text)


def read_decimal(text: str, currency: str, name: str, at: int) -> int:
    """`12.50` as 1250, by the currency's decimals; more of them only where they are zeros. Never a float."""
    found = DECIMAL.fullmatch(text)
    places = decimals(currency)
    fraction = (found[3] or "") if found else ""
    if found is None or fraction[places:].strip("0"):
        raise FileRefused(f"{name} '{text[:40]}' is not an amount in {currency.upper()}.", at)
    minor = int(found[2] + fraction[:places].ljust(places, "0"))
    if minor > MOST_MINOR:
        raise FileRefused(f"{name} '{text[:40]}' is more than we can hold.", at)
    return -minor if found[1] == "-" else minor


def read_moment(text: str, name: str, at: int) -> datetime:
    """ISO 8601; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise FileRefused(f"{name} '{text[:40]}' is not a date.", at) from error


def read_text(text: str, name: str, at: int) -> str:
    if not TEXT.fullmatch(text):
        raise FileRefused(f"{name} '{text[:40]!a}' is longer than 100 characters or no plain text.", at)
    return text
