"""The keys that wrap the data keys of a merchant's cards: made for the first card, held while one is written."""

from core.db import release_connection
from core.errors import Overtaken
from vault.envelope import Wrapped, new_merchant_key, open_merchant_key, seal_number
from vault.errors import MerchantShredded
from vault.keyring import KeyRing, key_ring
from vault.models import Card, MerchantKey

# Each further look is for a rotation that came in between; two are more than ever meet.
MAX_LOOKS = 5
# A shared lock: other cards are written meanwhile, rotation and shredding wait.
_HOLD = "SELECT * FROM vault_merchantkey WHERE merchant = %s AND retired_at IS NULL FOR SHARE"


def make_ready(ring: KeyRing, merchant: str) -> None:
    """Before a transaction that needs the merchant's key: an HSM that has the master key is asked now, and not while
    rows are locked. MerchantShredded; HsmUnavailable."""
    key = MerchantKey.objects.filter(merchant=merchant, retired_at=None).first()
    release_connection()
    if key is None:
        _add_key(ring, merchant)
        return make_ready(ring, merchant)
    if not key.wrapped:
        raise MerchantShredded
    if ring.is_remote(key.key_version):
        plain_key(ring, key)
    return None


def seal_into(card: Card, number: str) -> None:
    """Inside the transaction that writes the card."""
    key = hold_current_key(key_ring(), card.merchant)
    envelope = seal_number(plain_key(key_ring(), key), number, bound_to=card.bound_to)
    card.merchant_key, card.wrapped_key, card.number = key, envelope.wrapped_key, envelope.number


def hold_current_key(ring: KeyRing, merchant: str) -> MerchantKey:
    """The merchant's key for new cards, which stays that until the transaction ends. MerchantShredded."""
    for _ in range(MAX_LOOKS):
        for key in MerchantKey.objects.raw(_HOLD, [merchant]):
            if not key.wrapped:
                raise MerchantShredded
            return key
        _add_key(ring, merchant)
    raise Overtaken


def plain_key(ring: KeyRing, key: MerchantKey) -> bytes:
    """Unreadable when its master key is gone, or it was shredded."""
    return open_merchant_key(ring, Wrapped(key.key_version, bytes(key.wrapped)), key.merchant)


def _add_key(ring: KeyRing, merchant: str) -> None:
    """Unless somebody else was first."""
    fresh = new_merchant_key(ring, merchant)
    key = MerchantKey(merchant=merchant, key_version=fresh.key_version, wrapped=fresh.wrapped)
    MerchantKey.objects.bulk_create([key], ignore_conflicts=True)
