"""Exchange: a merchant's money of one currency, turned into another one."""

from django.db import models

from payments.fields import once, prefixed
from payments.models.owned import Owned


class Exchange(Owned):
    """What was sold and bought, and at which rate. Never changed: another exchange turns it back. All amounts are in
    the smallest unit of their currency."""

    public_id = prefixed("fx")
    # The caller's own name for it, which exists once for each merchant and mode.
    reference = models.CharField(max_length=100)
    sold_minor = models.BigIntegerField()
    sold_currency = models.CharField(max_length=3)
    bought_minor = models.BigIntegerField()
    bought_currency = models.CharField(max_length=3)
    # In whole units, as it was quoted; and between the smallest units, as a fraction.
    rate = models.CharField(max_length=20)
    rate_numerator = models.BigIntegerField()
    rate_denominator = models.BigIntegerField()
    # What rounding left to us: nothing, or one unit of what was bought.
    rounding_minor = models.PositiveSmallIntegerField()
    made_by = models.CharField(max_length=320)

    class Meta(Owned.Meta):
        constraints = [
            once("exchange_once"),
            models.UniqueConstraint(
                fields=["merchant", "livemode", "reference"], name="exchange_references_are_used_once"
            ),
            models.CheckConstraint(
                condition=models.Q(sold_minor__gt=0, bought_minor__gt=0, rounding_minor__lte=1)
                & models.Q(rate_numerator__gt=0, rate_denominator__gt=0)
                & ~models.Q(sold_currency=models.F("bought_currency")),
                name="an_exchange_is_of_two_amounts",
            ),
        ]
