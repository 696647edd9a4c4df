"""Arguments of commands that several share."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """A day or a moment, in UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no time; write 2026-11-24 or 2026-11-24T09:30") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
