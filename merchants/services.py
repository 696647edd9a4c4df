"""Makes merchants and their keys. A key's text leaves here once, at its making, and is never stored."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.errors import InvalidRequest
from core.ids import random_text
from merchants.addresses import read_networks
from merchants.models import AllowedOrigins, ApiKey, Merchant, key_prefix
from merchants.origins import read_origins
from merchants.scopes import read_scopes

# 32 base-62 characters: 190 bits, so that a plain SHA-256 of the key can not be searched.
KEY_CHARACTERS = 32
MOST_PER_SECOND = 1_000_000


@dataclass(frozen=True)
class NewMerchant:
    """A merchant and the texts of its four keys, by prefix (`sk_test`, `pk_test`, `sk_live`, `pk_live`)."""

    merchant: Merchant
    keys: dict[str, str]


def create_merchant(name: str, *, order_metadata_key: str = "") -> NewMerchant:
    """A merchant with a secret and a publishable key in each mode."""
    with transaction.atomic():
        merchant = Merchant.objects.create(name=name, order_metadata_key=order_metadata_key)
        keys = {}
        for livemode in (False, True):
            for kind in (ApiKey.Kind.SECRET, ApiKey.Kind.PUBLISHABLE):
                prefix = key_prefix(kind, livemode=livemode)
                keys[prefix.rstrip("_")] = issue_key(merchant, kind=kind, livemode=livemode)[1]
    return NewMerchant(merchant, keys)


def name_orders_by(merchant: Merchant, order_metadata_key: str) -> None:
    """From now on this metadata key of the merchant's payments names their order; "" for none."""
    merchant.order_metadata_key = order_metadata_key
    merchant.save(update_fields=["order_metadata_key"])


def limit_requests(merchant: Merchant, per_second: int | None) -> None:
    """So many are taken with each of its keys from now on (each web process notices within five seconds); None for as
    many as of everybody."""
    if per_second is not None and not 1 <= per_second <= MOST_PER_SECOND:
        raise InvalidRequest(f"A limit is 1 to {MOST_PER_SECOND} requests a second, not {per_second}.")
    merchant.requests_per_second = per_second
    merchant.save(update_fields=["requests_per_second"])


def issue_key(
    merchant: Merchant,
    *,
    kind: str,
    livemode: bool,
    scopes: Iterable[str] = (),
    addresses: Iterable[str] = (),
    text: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text. `text` is given only by the demo, whose keys stay the same from run to run.

    InvalidRequest for permissions or addresses that there are not, or that a key of that kind has not.
    """
    text = text or key_prefix(kind, livemode=livemode) + random_text(KEY_CHARACTERS)
    if kind == ApiKey.Kind.RESTRICTED:
        scopes = read_scopes(scopes)
    elif scopes:
        raise InvalidRequest("Only restricted keys have permissions of their own.", param="scopes")
    key = ApiKey.objects.create(
        merchant=merchant,
        kind=kind,
        livemode=livemode,
        scopes=list(scopes),
        addresses=_addresses(kind, addresses),
        hash=hash_key(text),
        last4=text[-4:],
    )
    return key, text


def allow_addresses(key: ApiKey, addresses: Iterable[str]) -> None:
    """The key is taken from there only (each web process notices within five seconds); [] for anywhere."""
    key.addresses = _addresses(key.kind, addresses)
    key.save(update_fields=["addresses"])


def _addresses(kind: str, addresses: Iterable[str]) -> list[str]:
    found = read_networks(addresses)
    if found and kind == ApiKey.Kind.PUBLISHABLE:
        raise InvalidRequest("Browsers use a publishable key from anywhere.", param="addresses")
    return found


@transaction.atomic
def allow_origins(merchant: Merchant, origins: Iterable[str], *, livemode: bool) -> list[str]:
    """Pages of these origins may bring cards with the merchant's publishable keys of that mode, as soon as the vault
    has heard of it; as they are kept. InvalidRequest for what is no origin, or is not encrypted in live mode."""
    wanted = read_origins(origins, livemode=livemode)
    AllowedOrigins.objects.update_or_create(
        merchant=merchant, livemode=livemode, defaults={"origins": wanted}
    )
    keys = ApiKey.objects.filter(merchant=merchant, livemode=livemode, kind=ApiKey.Kind.PUBLISHABLE)
    keys.update(vault_version=F("vault_version") + 1, vault_told_at=None)
    return wanted


def roll_key(key: ApiKey, *, overlap: timedelta) -> tuple[ApiKey, str]:
    """A successor and its text; the old key works for `overlap` longer."""
    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + overlap, vault_told_at=None)
        return issue_successor(key)


def issue_successor(key: ApiKey) -> tuple[ApiKey, str]:
    """One that may what this one may, from where this one may be used; and its text."""
    return issue_key(
        key.merchant, kind=key.kind, livemode=key.livemode, scopes=key.scopes, addresses=key.addresses
    )


def hold_key(key: ApiKey) -> None:
    """Refused until `release_key`: for whoever made it, in the same transaction."""
    ApiKey.objects.filter(pk=key.pk).update(awaits_approval=True)


@transaction.atomic
def release_key(key: ApiKey, *, replaces: int | None, overlap: timedelta) -> None:
    """Accepted from now on; the key that it replaces works for `overlap` longer. Harmless when repeated."""
    freed = ApiKey.objects.filter(pk=key.pk, awaits_approval=True).update(awaits_approval=False)
    if freed and replaces is not None:
        replaced = ApiKey.objects.filter(pk=replaces, expires_at=None)
        replaced.update(expires_at=timezone.now() + overlap, vault_told_at=None)


def revoke_key(key: ApiKey) -> None:
    """The key is refused from now on (each web process notices within five seconds); harmless when repeated."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now(), vault_told_at=None)


def key_of(text: str) -> ApiKey | None:
    """The key with this text, in use or not."""
    return ApiKey.objects.select_related("merchant").filter(hash=hash_key(text.strip())).first()


def hash_key(text: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(text.encode()).hexdigest()
