"""`python -m vault rewrap_keys`: brings every data key under the current master key, so that older ones can
leave the key file. Runs beside a working vault, and again where it was interrupted."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from vault.envelope import Envelope, rewrap
from vault.fingerprints import NAME, PURPOSE
from vault.keyring import KeyRing, key_ring
from vault.models import Card, Secret

# Short transactions: a charge that wants one of these rows waits for milliseconds.
BATCH = 200


class Command(BaseCommand):
    help = "Re-wraps all data keys with the current master key of VAULT_KEY_FILE."

    def handle(self, *args: Any, **options: Any) -> None:
        ring = key_ring()
        _rewrap_secret(ring)
        done = 0
        while count := _rewrap_batch(ring):
            done += count
        self.stdout.write(f"{done} cards are now under key {ring.current}.")


@transaction.atomic
def _rewrap_batch(ring: KeyRing) -> int:
    # A process that still has the old key file may add rows under the old key; the next run takes them.
    cards = list(Card.objects.select_for_update().exclude(key_version=ring.current).order_by("pk")[:BATCH])
    for card in cards:
        old = Envelope(card.key_version, bytes(card.wrapped_key), bytes(card.number))
        new = rewrap(ring, old, bound_to=card.bound_to)
        card.key_version, card.wrapped_key = new.key_version, new.wrapped_key
        card.save(update_fields=["key_version", "wrapped_key"])
    return len(cards)


@transaction.atomic
def _rewrap_secret(ring: KeyRing) -> None:
    for secret in Secret.objects.select_for_update().exclude(key_version=ring.current):
        plain = ring.open(secret.key_version, bytes(secret.wrapped), purpose=PURPOSE, bound_to=NAME)
        secret.key_version, secret.wrapped = ring.seal(plain, purpose=PURPOSE, bound_to=NAME)
        secret.save(update_fields=["key_version", "wrapped"])
