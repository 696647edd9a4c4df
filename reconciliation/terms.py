"""What is agreed with each source of reports, read from the settings."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

BANK = "bank"


@dataclass(frozen=True, slots=True)
class Terms:
    """The agreed fee of a charge is a share and a fixed amount; without a share it is not checked."""

    source: str
    livemode: bool
    format: str
    basis_points: int | None = None
    fixed_minor: int = 0
    grace_days: int = 1


def sources() -> list[str]:
    return [*settings.SETTLEMENT_REPORTS, BANK]


def terms_of(source: str, *, livemode: bool | None = None) -> Terms:
    """KeyError for a source that is not set up. A processor has one mode; that of our bank account is a setting."""
    if source == BANK:
        return Terms(BANK, settings.BANK_IS_LIVE if livemode is None else livemode, "camt.053")
    said: dict[str, Any] = settings.SETTLEMENT_REPORTS[source]
    fee = said.get("fee") or {}
    return Terms(
        source=source,
        livemode=settings.PROCESSORS[source]["livemode"],
        format=said["format"],
        basis_points=fee.get("basis_points"),
        fixed_minor=fee.get("fixed_minor", 0),
        grace_days=said.get("grace_days", 1),
    )
