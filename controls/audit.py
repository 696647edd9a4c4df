"""Keeps what staff did, saw and changed."""

from dataclasses import asdict

from controls.models import AuditEntry
from core.audit import Deed


def keep(deed: Deed) -> None:
    """Inside the caller's transaction; nothing changes or removes it afterwards."""
    AuditEntry.objects.create(**asdict(deed))
