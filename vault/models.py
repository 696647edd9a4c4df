"""What the vault keeps: encrypted cards and the keys of their merchants, answers already given, publishable keys as
hashes, one secret; and, for ever, what was decrypted and what was destroyed."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class MerchantKey(models.Model):
    """A key that wraps data keys of one merchant's cards, itself under a master key. Rotation retires it for a fresh
    one. A shredded one is empty: it stays, so that the merchant never gets another."""

    merchant = models.CharField(max_length=64)
    key_version = models.PositiveIntegerField()
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"], condition=models.Q(retired_at=None), name="one_current_key_per_merchant"
            )
        ]

    def __str__(self) -> str:
        return f"{self.merchant} {self.created_at:%Y-%m-%d}"


class Card(models.Model):
    """A card as one token (`tok_`) or payment method (`pm_`) holds it. The number is readable with the key
    file only; the security code is not here at all. A shredded card is empty but for what a receipt shows of it."""

    public_id = models.CharField(max_length=64, unique=True)
    # The `card_` id that the token's object shows.
    card_id = models.CharField(max_length=64)
    merchant = models.CharField(max_length=64)
    livemode = models.BooleanField()

    # What wraps the data key: a key of the merchant's, or, of early rows, this version of the master key.
    merchant_key = models.ForeignKey(MerchantKey, on_delete=models.PROTECT, null=True)
    key_version = models.PositiveIntegerField(null=True)
    wrapped_key = models.BinaryField()
    number = models.BinaryField()

    brand = models.CharField(max_length=16)
    last4 = models.CharField(max_length=4)
    # The first six digits, which tell who issued it. Empty for numbers so short that little of them would be left,
    # and for cards that came before this was kept.
    bin = models.CharField(max_length=6, default="", db_default="", blank=True)
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
    shredded_at = models.DateTimeField(null=True)

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
    # Which pages may bring cards with it, as the gateway said last; and which of its words that was.
    origins = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.hash[:8]


class Secret(models.Model):
    """A secret that outlives the master keys, wrapped by the current one."""

    name = models.CharField(max_length=40, unique=True)
    key_version = models.PositiveIntegerField()
    wrapped = models.BinaryField()

    def __str__(self) -> str:
        return self.name


class Decryption(models.Model):
    """One opening of a card: which, whose, what for. Written before it is opened, kept for ever, and without
    anything of the card. `reference` is the payment, or the payment method that is made of a token."""

    at = models.DateTimeField(db_default=Now())
    merchant = models.CharField(max_length=64)
    livemode = models.BooleanField()
    card_public_id = models.CharField(max_length=64)
    purpose = models.CharField(max_length=16)
    reference = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(purpose__in=("charge", "payment_method", "code_compared")),
                name="a_decryption_has_a_purpose",
            )
        ]
        indexes = [models.Index(fields=["merchant", "at"], name="decryptions_of_a_merchant")]

    def __str__(self) -> str:
        return f"{self.card_public_id} {self.purpose}"


class Shredding(models.Model):
    """That a card, or all cards of a merchant, were destroyed: by whom and why. Kept for ever."""

    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=8)
    # The card's public id, or the merchant.
    subject = models.CharField(max_length=64)
    by = models.CharField(max_length=64)
    reason = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="shredded_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=("card", "merchant")) & ~models.Q(reason="") & ~models.Q(by=""),
                name="a_shredding_is_somebodys_and_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
