"""From an API key to who is calling. Answers are remembered for five seconds, so a charge costs no round
trip for its key and a revoked key is refused within five seconds everywhere."""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from core.credentials import key_in
from core.db import release_connection
from core.errors import AuthenticationFailed, InvalidRequest
from core.limits import Limit
from core.redaction import mask_key
from merchants.addresses import Network, networks_of
from merchants.models import ApiKey, Merchant
from merchants.scopes import allows
from merchants.services import hash_key

REMEMBER_SECONDS = 5.0
# A key's last use is written at most once in this time.
LAST_USE_SECONDS = 60
MAX_REMEMBERED = 10_000
# As long as a timeline row can hold; user names may be longer.
MAX_NAME = 100


class UnknownKey(AuthenticationFailed):
    """One that is unknown, expired or revoked, or that nobody has approved yet; shown masked."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Invalid API Key provided: {mask_key(text)}")


class PermissionMissing(InvalidRequest):
    status = 403

    def __init__(self, caller: "Caller", scope: str) -> None:
        super().__init__(
            f"The key {caller.key_name} of account {caller.merchant_public_id} may not do this: it would need "
            f"the permission '{scope}'."
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """A merchant in one mode, by way of one of its keys."""

    merchant_id: int
    merchant_public_id: str
    livemode: bool
    kind: str
    key_id: int
    key_name: str
    settlement_days: int
    order_metadata_key: str = ""
    scopes: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    # The merchant's own, in the place of everybody's.
    limit: Limit | None = None

    @property
    def secret(self) -> bool:
        """Whether it is the merchant's own server: by a secret key, or a restricted one within what it may."""
        return self.kind != ApiKey.Kind.PUBLISHABLE

    @property
    def restricted(self) -> bool:
        return self.kind == ApiKey.Kind.RESTRICTED

    def require(self, resource: str, level: str) -> None:
        """PermissionMissing for a restricted key that may not read, or write, such objects."""
        if self.restricted and not allows(self.scopes, resource, level):
            raise PermissionMissing(self, f"{resource}:{level}")


_remembered: dict[str, tuple[float, Caller]] = {}


def caller_of(authorization: str) -> Caller:
    """Who calls, by the Authorization header: Bearer, or Basic with the key as user name.

    AuthenticationFailed without one; UnknownKey.
    """
    text = _key_text(authorization)
    hashed = hash_key(text)
    known = _remembered.get(hashed)
    if known and known[0] > time.monotonic():
        return known[1]
    caller = _look_up(hashed)
    if caller is None:
        _remembered.pop(hashed, None)
        raise UnknownKey(text)
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    _remembered[hashed] = (time.monotonic() + REMEMBER_SECONDS, caller)
    return caller


def _key_text(authorization: str) -> str:
    text = key_in(authorization)
    if not text:
        raise AuthenticationFailed(
            "You did not provide an API key. Provide it in the Authorization header, using Bearer auth "
            "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY') or as the user name of Basic auth."
        )
    return text


def _look_up(hashed: str) -> Caller | None:
    now = timezone.now()
    key = (
        ApiKey.objects.select_related("merchant")
        .filter(
            Q(expires_at=None) | Q(expires_at__gt=now), hash=hashed, revoked_at=None, awaits_approval=False
        )
        .first()
    )
    if key is not None and (
        key.last_used_at is None or now - key.last_used_at > timedelta(seconds=LAST_USE_SECONDS)
    ):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    release_connection()
    if key is None:
        return None
    return _caller(
        key.merchant,
        livemode=key.livemode,
        kind=key.kind,
        key_id=key.pk,
        key_name=str(key),
        scopes=frozenset(key.scopes),
        networks=networks_of(key.addresses),
    )


def staff_caller(merchant: Merchant, *, livemode: bool, username: str) -> Caller:
    """A member of staff who acts for a merchant: the same services, the person's name in the timeline."""
    return keyless_caller(merchant, livemode=livemode, name=f"staff:{username}"[:MAX_NAME])


def keyless_caller(merchant: Merchant, *, livemode: bool, name: str) -> Caller:
    """Who acts on a merchant's payments from a page of ours; `name` for the timeline."""
    return _caller(merchant, livemode=livemode, kind=ApiKey.Kind.SECRET, key_id=0, key_name=name)


def _caller(
    merchant: Merchant,
    *,
    livemode: bool,
    kind: str,
    key_id: int,
    key_name: str,
    scopes: frozenset[str] = frozenset(),
    networks: tuple[Network, ...] = (),
) -> Caller:
    return Caller(
        merchant_id=merchant.pk,
        merchant_public_id=merchant.public_id,
        livemode=livemode,
        kind=kind,
        key_id=key_id,
        key_name=key_name,
        settlement_days=merchant.settlement_days,
        order_metadata_key=merchant.order_metadata_key,
        limit=Limit(merchant.requests_per_second, "s") if merchant.requests_per_second else None,
        scopes=scopes,
        networks=networks,
    )
