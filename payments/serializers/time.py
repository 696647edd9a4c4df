"""Moments on the wire."""

from datetime import datetime


def unix(moment: datetime) -> int:
    return int(moment.timestamp())
