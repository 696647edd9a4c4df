"""Tells the vault of publishable keys, so that it knows the browsers that bring cards. It learns hashes only."""

from django.utils import timezone

from core.db import release_connection
from merchants.models import ApiKey
from payments import routing

BATCH = 100


def push_publishable_keys() -> int:
    """Tells of every key that was made, rolled or revoked since; how many. Harmless when repeated.

    VaultUnavailable leaves the rest for the next time.
    """
    news = list(
        ApiKey.objects.filter(kind=ApiKey.Kind.PUBLISHABLE, vault_told_at=None).select_related("merchant")[
            :BATCH
        ]
    )
    for key in news:
        release_connection()
        routing.vault().push_publishable_key(
            key_hash=key.hash,
            merchant=key.merchant.public_id,
            livemode=key.livemode,
            revoked=key.revoked_at is not None,
            expires_at=int(key.expires_at.timestamp()) if key.expires_at else None,
        )
        # Not where the key changed while we spoke of it: then there is news again.
        unchanged = ApiKey.objects.filter(pk=key.pk, revoked_at=key.revoked_at, expires_at=key.expires_at)
        unchanged.update(vault_told_at=timezone.now())
    return len(news)
