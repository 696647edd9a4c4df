"""Who is calling: merchants and their keys. Of a key only a hash is stored; the key itself is shown once."""

import functools

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.ids import new_id


class Merchant(models.Model):
    """One business whose money we keep apart from everyone else's."""

    public_id = models.CharField(max_length=40, unique=True, default=functools.partial(new_id, "acct"))
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    # Days until a captured charge counts as available.
    settlement_days = models.PositiveSmallIntegerField(default=2)
    # The metadata key under which this merchant's payments name their order; empty where there is none.
    order_metadata_key = models.CharField(max_length=40, default="", db_default="", blank=True)
    # How many requests a second are taken with each of its keys; null for as many as of everybody.
    requests_per_second = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(requests_per_second__gt=0), name="merchant_may_call"),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """`sk_`, `rk_` or `pk_`, test or live. Rolled ones overlap until `expires_at`, revoked ones are refused."""

    class Kind(models.TextChoices):
        SECRET = "secret"  # noqa: S105  the word, not one
        PUBLISHABLE = "publishable"
        RESTRICTED = "restricted"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="keys")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    livemode = models.BooleanField()
    # What a restricted key may (`merchants/scopes.py`); empty for the others.
    scopes = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
    # CIDR blocks from which the key may be used; empty for anywhere.
    addresses = ArrayField(models.CharField(max_length=43), default=list, db_default=[], blank=True)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Made and shown, but nobody else has agreed to it yet: it is refused.
    awaits_approval = models.BooleanField(default=False, db_default=False, editable=False)
    # Browsers bring publishable keys to the vault, which must hear of every change; null until it has.
    vault_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Counts what there was to tell, so that what comes late is known for it.
    vault_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="restricted") & ~Q(scopes=[]) | ~Q(kind="restricted") & Q(scopes=[]),
                name="apikey_restricted_has_scopes",
            ),
            # A browser's key is used from everywhere, and the vault knows nothing of its networks.
            models.CheckConstraint(
                condition=~Q(kind="publishable") | Q(addresses=[]),
                name="apikey_publishable_from_anywhere",
            ),
        ]

    def __str__(self) -> str:
        return f"{key_prefix(self.kind, livemode=self.livemode)}…{self.last4}"

    @property
    def usable(self) -> bool:
        if self.awaits_approval or self.revoked_at is not None:
            return False
        return self.expires_at is None or self.expires_at > timezone.now()


class AllowedOrigins(models.Model):
    """Pages of which origins may bring cards for the merchant in one mode. The vault hears of them with each of the
    publishable keys."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="allowed_origins")
    livemode = models.BooleanField()
    origins = ArrayField(models.CharField(max_length=300), default=list)

    class Meta:
        # That live ones are https is PostgreSQL's too (migration 0007).
        constraints = [models.UniqueConstraint(fields=["merchant", "livemode"], name="origins_once_a_mode")]

    def __str__(self) -> str:
        return f"{self.merchant} {'live' if self.livemode else 'test'}"


PREFIXES: dict[str, str] = {
    ApiKey.Kind.SECRET: "sk",
    ApiKey.Kind.PUBLISHABLE: "pk",
    ApiKey.Kind.RESTRICTED: "rk",
}


def key_prefix(kind: str, *, livemode: bool) -> str:
    """`sk_test_` and its sisters."""
    return f"{PREFIXES[kind]}_{'live' if livemode else 'test'}_"
