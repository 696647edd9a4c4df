"""What merchants declared: whether verdicts are carried out, and what becomes of payments that can't be judged."""

import functools
from collections.abc import Mapping

from django.db import connection

from risk.kept import Kept
from risk.models import RiskSettings

READ_SECONDS = 5.0


def settings_of(merchant_id: int, livemode: bool) -> RiskSettings:
    """As they are within seconds; what holds unless something is set."""
    known = _settings(_database()).get().get((merchant_id, livemode))
    return known or RiskSettings.unless_said(merchant_id, livemode)


def settings_now(merchant_id: int, livemode: bool) -> RiskSettings:
    """As they are at this moment, read on the caller's own connection."""
    found = RiskSettings.objects.filter(merchant_id=merchant_id, livemode=livemode).first()
    return found or RiskSettings.unless_said(merchant_id, livemode)


def forget() -> None:
    """This process reads everything anew."""
    _settings.cache_clear()


def _database() -> str:
    """A process that is pointed to another database must not know the first one's."""
    return str(connection.settings_dict["NAME"])


@functools.cache
def _settings(database: str) -> Kept[Mapping[tuple[int, bool], RiskSettings]]:
    return Kept(_read_settings, seconds=READ_SECONDS)


def _read_settings() -> Mapping[tuple[int, bool], RiskSettings]:
    return {(row.merchant_id, row.livemode): row for row in RiskSettings.objects.all()}
