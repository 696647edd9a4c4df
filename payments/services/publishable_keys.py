"""Tells the vault of publishable keys, so that it knows the browsers that bring cards, and from which pages they
may. It learns hashes only."""

from django.utils import timezone

from core.db import release_connection
from merchants.models import AllowedOrigins, ApiKey
from payments import routing

BATCH = 100


def push_publishable_keys() -> int:
    """Tells of every key that was made, rolled, revoked or given other origins since; how many. Harmless when
    repeated.

    VaultUnavailable leaves the rest for the next time.
    """
    news = list(
        ApiKey.objects.filter(kind=ApiKey.Kind.PUBLISHABLE, vault_told_at=None).select_related("merchant")[
            :BATCH
        ]
    )
    for key in news:
        # Read after the key: older origins never go under a newer version.
        listed = AllowedOrigins.objects.filter(merchant=key.merchant_id, livemode=key.livemode).first()
        release_connection()
        routing.vault().push_publishable_key(
            key_hash=key.hash,
            merchant=key.merchant.public_id,
            livemode=key.livemode,
            revoked=key.revoked_at is not None,
            expires_at=int(key.expires_at.timestamp()) if key.expires_at else None,
            origins=listed.origins if listed else [],
            version=key.vault_version,
        )
        # Not where the key changed while we spoke of it: then there is news again.
        unchanged = ApiKey.objects.filter(
            pk=key.pk,
            revoked_at=key.revoked_at,
            expires_at=key.expires_at,
            vault_version=key.vault_version,
        )
        unchanged.update(vault_told_at=timezone.now())
    return len(news)
