"""What the rows of payments have in common."""

from django.db import models
from django.db.models.functions import Now


class Owned(models.Model):
    """What every row carries: a public id, its merchant, its mode.

    The merchant's key is not a database constraint here: each check would lock the merchant's row in share
    mode, once per row. Triggers look at the birth that an intent has its merchant, and all else its intent.
    """

    public_id: "models.CharField[str, str]"
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    livemode = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.public_id
