"""Destroys cards by destroying the keys to them, and all that a number could be guessed from: the fingerprint and the
digests of what was asked. What happened is recorded for ever, in the same transaction."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from core.db import in_transaction
from core.errors import TollgateError
from vault.cvc_store import forget_cvc
from vault.errors import MerchantShredded
from vault.keyring import key_ring
from vault.models import Answer, Card, MerchantKey, PublishableKey, Shredding
from vault.services.merchant_keys import hold_current_key

CARD, MERCHANT = "card", "merchant"
BATCH = 200


class CanNotShred(TollgateError):
    """There is nothing of that id, or nothing left of it."""


@dataclass(frozen=True)
class Shredded:
    """By their public ids: what is gone, and other cards of the merchant, in the same mode, with the same number."""

    gone: list[str]
    alike: list[str]


@in_transaction
def shred_card(public_id: str, *, by: str, reason: str) -> Shredded:
    """The card, and where a payment method was made of a token, the other one: they hold one number. CanNotShred."""
    card = Card.objects.select_for_update().filter(public_id=public_id).first()
    if card is None:
        raise CanNotShred(f"There is no card {public_id}.")
    if card.shredded_at is not None:
        raise CanNotShred(f"{public_id} was shredded at {card.shredded_at:%Y-%m-%d %H:%M} UTC.")
    readable = Card.objects.filter(merchant=card.merchant, livemode=card.livemode, shredded_at=None)
    kin = readable.filter(Q(public_id=card.reference) | Q(reference=public_id)).exclude(pk=card.pk)
    cards = [card, *kin.select_for_update().order_by("pk")]
    alike = readable.filter(fingerprint=card.fingerprint).exclude(pk__in=[each.pk for each in cards])
    others = list(alike.order_by("pk").values_list("public_id", flat=True))
    Shredding.objects.bulk_create(
        [Shredding(kind=CARD, subject=each.public_id, by=by, reason=reason) for each in cards]
    )
    _empty(cards)
    return Shredded([each.public_id for each in cards], others)


@in_transaction
def shred_merchant_key(merchant: str, *, by: str, reason: str) -> None:
    """From here on nothing of the merchant opens, but for cards that are still under a master key itself: `rest_of`
    ends them. No new card is taken in. Harmless when repeated. CanNotShred for a merchant without cards."""
    if not Card.objects.filter(merchant=merchant).exists():
        raise CanNotShred(f"There is no card of {merchant}.")
    Shredding.objects.bulk_create(
        [Shredding(kind=MERCHANT, subject=merchant, by=by, reason=reason)], ignore_conflicts=True
    )
    with suppress(MerchantShredded):
        # Makes one where there is none, so that an empty one stays.
        hold_current_key(key_ring(), merchant)
    # Waits for cards that are being written, and for a rotation.
    keys = MerchantKey.objects.select_for_update().filter(merchant=merchant).exclude(wrapped=b"")
    MerchantKey.objects.filter(pk__in=[key.pk for key in keys]).update(wrapped=b"")
    PublishableKey.objects.filter(merchant=merchant, revoked=False).update(revoked=True)


def rest_of(merchant: str) -> list[int]:
    """The cards of a merchant that are not empty so far."""
    return list(Card.objects.filter(merchant=merchant, shredded_at=None).values_list("pk", flat=True))


def empty_cards(ids: list[int]) -> Iterator[list[str]]:
    """The cards of a shredded merchant, in batches: their public ids."""
    for start in range(0, len(ids), BATCH):
        yield _empty_batch(ids[start : start + BATCH])


@in_transaction
def forget_answers(merchant: str) -> None:
    Answer.objects.filter(merchant=merchant).delete()


def forget_codes(public_ids: list[str]) -> None:
    """CvcStoreUnavailable: then they end by themselves, within a quarter of an hour."""
    if public_ids:
        forget_cvc(*public_ids)


@in_transaction
def _empty_batch(ids: list[int]) -> list[str]:
    cards = list(Card.objects.filter(pk__in=ids, shredded_at=None).select_for_update().order_by("pk"))
    _empty(cards)
    return [card.public_id for card in cards]


def _empty(cards: list[Card]) -> None:
    Card.objects.filter(pk__in=[card.pk for card in cards]).update(
        wrapped_key=b"",
        number=b"",
        merchant_key=None,
        key_version=None,
        fingerprint="",
        bin="",
        billing={},
        metadata={},
        client_ip=None,
        shredded_at=timezone.now(),
    )
    for merchant in {card.merchant for card in cards}:
        names = [card.public_id for card in cards if card.merchant == merchant]
        Answer.objects.filter(merchant=merchant, card_public_id__in=names).delete()
