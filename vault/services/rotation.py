"""Brings everything under the current master key, beside a working vault: each merchant gets a fresh key, and the
data keys of its cards are wrapped by that. Small transactions, each of which leaves all cards readable; begun again,
it goes on where it was, and two at once share the work."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from core.db import in_transaction
from core.errors import Overtaken
from core.faults import fault_point
from vault import fingerprints
from vault.cvc_store import codes_by_version
from vault.envelope import Wrapped, new_merchant_key, rewrap, rewrap_early
from vault.errors import MerchantShredded, Unreadable
from vault.keyring import KeyRing
from vault.models import Card, MerchantKey, Secret
from vault.services.merchant_keys import MAX_LOOKS, hold_current_key, make_ready, plain_key

# Short transactions: a charge that wants one of these rows waits for milliseconds.
BATCH = 200
between_batches = fault_point("vault.between_batches")


@dataclass(frozen=True)
class Batch:
    """Cards of one transaction: how many were looked at, how many moved, and which can't be read."""

    seen: int
    moved: int
    unreadable: tuple[str, ...]


def stale_keys(ring: KeyRing) -> QuerySet[MerchantKey]:
    """What merchants use for new cards, under another master key than the current one."""
    return MerchantKey.objects.filter(retired_at=None).exclude(key_version=ring.current).exclude(wrapped=b"")


def stale_cards() -> QuerySet[Card]:
    """Cards whose data key is under a retired key, or under a master key itself."""
    retired = Q(merchant_key__retired_at__isnull=False) & ~Q(merchant_key__wrapped=b"")
    return Card.objects.filter(Q(key_version__isnull=False) | retired, shredded_at=None)


def rewrap_secrets(ring: KeyRing) -> None:
    for secret in Secret.objects.exclude(key_version=ring.current):
        plain = ring.open(
            secret.key_version,
            bytes(secret.wrapped),
            purpose=fingerprints.PURPOSE,
            bound_to=fingerprints.NAME,
        )
        version, wrapped = ring.seal(plain, purpose=fingerprints.PURPOSE, bound_to=fingerprints.NAME)
        unmoved = Secret.objects.filter(pk=secret.pk, key_version=secret.key_version)
        unmoved.update(key_version=version, wrapped=wrapped)


def replace_key(ring: KeyRing, key_id: int) -> bool:
    """Whether this call did it. Cards that are being written are waited for, and new ones wait."""
    merchant = stale_keys(ring).filter(pk=key_id).values_list("merchant", flat=True).first()
    # Made before the row is locked: the master key may be in an HSM.
    return merchant is not None and _replace(ring, key_id, new_merchant_key(ring, merchant))


@in_transaction
def _replace(ring: KeyRing, key_id: int, fresh: Wrapped) -> bool:
    key = stale_keys(ring).filter(pk=key_id).select_for_update().first()
    if key is None:
        return False
    key.retired_at = timezone.now()
    key.save(update_fields=["retired_at"])
    MerchantKey.objects.create(merchant=key.merchant, key_version=fresh.key_version, wrapped=fresh.wrapped)
    return True


def rewrap_cards(ring: KeyRing) -> Iterator[Batch]:
    """All stale cards, in the order of their ids."""
    last = 0
    while ids := list(stale_cards().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield _rewrap_batch(ring, ids)
        between_batches()
        last = ids[-1]


def drop_retired_keys() -> None:
    """Those that wrap nothing any more: with them, what a thief may have kept of them opens nothing new."""
    unused = MerchantKey.objects.filter(retired_at__isnull=False, card=None).exclude(wrapped=b"")
    for key_id in unused.values_list("pk", flat=True):
        MerchantKey.objects.filter(pk=key_id).delete()


@dataclass(frozen=True)
class Users:
    """What is still under a version of the master key, and for how many seconds its security codes are."""

    version: int
    rows: int
    codes: int
    seconds: int


def users_of_old_keys(ring: KeyRing) -> list[Users]:
    """For each version but the current one, those that are gone from the file included. CvcStoreUnavailable."""
    codes = codes_by_version()
    counts = dict.fromkeys(ring.keys.keys() | codes.keys(), 0)
    stored = (
        MerchantKey.objects.exclude(wrapped=b""),
        Card.objects.filter(key_version__isnull=False),
        Secret.objects.all(),
    )
    for rows in stored:
        for version, count in rows.values_list("key_version").annotate(Count("pk")):
            counts[version] = counts.get(version, 0) + count
    counts.pop(ring.current, None)
    return [Users(version, rows, *codes.get(version, (0, 0))) for version, rows in sorted(counts.items())]


def _rewrap_batch(ring: KeyRing, ids: list[int]) -> Batch:
    for _ in range(MAX_LOOKS):
        _make_ready(ring, ids)
        try:
            return _rewrap_locked(ring, ids)
        except Overtaken:
            continue  # another rotation has replaced a key since, or a shredding has emptied one
    raise Overtaken


def _make_ready(ring: KeyRing, ids: list[int]) -> None:
    """All keys that the batch needs, unwrapped: no row is locked while an HSM is asked."""
    cards = Card.objects.filter(pk__in=ids)
    for merchant in set(cards.values_list("merchant", flat=True)):
        with suppress(MerchantShredded, Unreadable):
            make_ready(ring, merchant)
    for key in MerchantKey.objects.filter(pk__in=cards.values("merchant_key_id")):
        with suppress(Unreadable):
            plain_key(ring, key)


@in_transaction
def _rewrap_locked(ring: KeyRing, ids: list[int]) -> Batch:
    cards = list(Card.objects.filter(pk__in=ids, shredded_at=None).select_for_update().order_by("pk"))
    olds = MerchantKey.objects.in_bulk([card.merchant_key_id for card in cards if card.merchant_key_id])
    moved, unreadable = 0, []
    for card in cards:
        old = olds.get(card.merchant_key_id or 0)
        try:
            moved += _rewrap(ring, card, old)
        except Unreadable:
            unreadable.append(card.public_id)
        except MerchantShredded:
            continue  # its shredding will come to this card too
    return Batch(len(ids), moved, tuple(unreadable))


def _rewrap(ring: KeyRing, card: Card, old: MerchantKey | None) -> bool:
    """Whether there was something to do: another run may have done it while we waited for the row."""
    if old is not None and old.retired_at is None:
        return False
    current = hold_current_key(ring, card.merchant)
    new_key, wrapped_key = plain_key(ring, current), bytes(card.wrapped_key)
    if old is None:
        assert card.key_version is not None
        wrapped = rewrap_early(ring, Wrapped(card.key_version, wrapped_key), new_key, bound_to=card.bound_to)
    else:
        wrapped = rewrap(plain_key(ring, old), new_key, wrapped_key, bound_to=card.bound_to)
    card.wrapped_key, card.merchant_key, card.key_version = wrapped, current, None
    card.save(update_fields=["wrapped_key", "merchant_key", "key_version"])
    return True
