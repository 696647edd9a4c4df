"""What the vault keeps: encrypted cards, answers already given, publishable keys as hashes, one secret."""

from django.db import models
from django.utils import timezone


class Card(models.Model):
    """A card as one token (`tok_`) or payment method (`pm_`) holds it. The number is readable with the key
    file only; the security code is not here at all."""

    public_id = models.CharField(max_length=64, unique=True)
    # The `card_` id that the token's object shows.
    card_id = models.CharField(max_length=64)
    merchant = models.CharField(max_length=64)
    livemode = models.BooleanField()

    key_version = models.PositiveIntegerField()
    wrapped_key = models.BinaryField()
    number = models.BinaryField()

    brand = models.CharField(max_length=16)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    funding = models.CharField(max_length=8)
    country = models.CharField(max_length=2, null=True)
    fingerprint = models.CharField(max_length=16)
    cvc_given = models.BooleanField()
    billing = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    allow_redisplay = models.CharField(max_length=16, default="unspecified")
    client_ip = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    # The processor reference that this token is spent on, and the calls made for it that may have left.
    reference = models.CharField(max_length=64, null=True)
    attempts = models.PositiveIntegerField(default=0)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reference=None, attempts=0)
                | models.Q(reference__isnull=False, attempts__gt=0),
                name="card_is_spent_by_an_attempt",
            )
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def bound_to(self) -> str:
        """What the ciphertexts of this row are bound to."""
        return card_binding(self.public_id, merchant=self.merchant, livemode=self.livemode)


def card_binding(public_id: str, *, merchant: str, livemode: bool) -> str:
    """Moved to another row, merchant or mode, a number can't be read."""
    return f"card:{public_id}:{merchant}:{int(livemode)}"


class Answer(models.Model):
    """What was answered under an idempotency key; of the key, and of what was asked (without the code), only
    a keyed digest."""

    merchant = models.CharField(max_length=64)
    livemode = models.BooleanField()
    key_digest = models.CharField(max_length=64)
    parameters_digest = models.CharField(max_length=64)
    card_public_id = models.CharField(max_length=64)
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "livemode", "key_digest"], name="one_answer_per_key")
        ]

    def __str__(self) -> str:
        return self.key_digest[:8]


class PublishableKey(models.Model):
    """A key that browsers may use here, as the gateway told us: its hash, never its text."""

    hash = models.CharField(max_length=64, unique=True)
    merchant = models.CharField(max_length=64)
    livemode = models.BooleanField()
    revoked = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.hash[:8]


class Secret(models.Model):
    """A secret that outlives the master keys, wrapped by the current one."""

    name = models.CharField(max_length=40, unique=True)
    key_version = models.PositiveIntegerField()
    wrapped = models.BinaryField()

    def __str__(self) -> str:
        return self.name
