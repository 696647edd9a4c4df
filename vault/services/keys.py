"""The publishable keys that browsers may use here, as the gateway tells of them."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from django.db import transaction

from core.errors import InvalidRequest
from vault.models import PublishableKey


class KeyNotice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A key by its SHA-256; `expires_at` (Unix seconds) when it was rolled; `origins` that may bring cards with it,
    none for any, and by `version` which word on that is the later one."""

    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    merchant: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    livemode: bool
    revoked: bool = False
    expires_at: int | None = None
    origins: list[Annotated[str, msgspec.Meta(max_length=300)]] = []
    version: int = 0


def take_notice(notice: KeyNotice) -> None:
    """Harmless when repeated or late: a key never comes back from being revoked, nor changes its merchant, nor do
    older origins replace newer ones."""
    expires_at = None if notice.expires_at is None else datetime.fromtimestamp(notice.expires_at, UTC)
    with transaction.atomic():
        key, created = PublishableKey.objects.select_for_update().get_or_create(
            hash=notice.hash,
            defaults={
                "merchant": notice.merchant,
                "livemode": notice.livemode,
                "revoked": notice.revoked,
                "expires_at": expires_at,
                "origins": notice.origins,
                "version": notice.version,
            },
        )
        if created:
            return
        if (key.merchant, key.livemode) != (notice.merchant, notice.livemode):
            raise InvalidRequest("This key belongs to another merchant or mode.", param="hash")
        key.revoked = key.revoked or notice.revoked
        key.expires_at = expires_at
        if notice.version >= key.version:
            key.origins, key.version = notice.origins, notice.version
        key.save(update_fields=["revoked", "expires_at", "origins", "version"])
