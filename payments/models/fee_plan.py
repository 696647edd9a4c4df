"""FeePlan: what a merchant's charges cost them."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from payments.fees import Plan, read_rules
from payments.fields import prefixed, text


class FeePlan(models.Model):
    """One version of a merchant's prices, or of the standard ones for those without any of their own. Never changed:
    a new version follows, and each charge keeps the one that prices it."""

    public_id = prefixed("fp")
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, null=True, related_name="fee_plans"
    )
    version = models.PositiveIntegerField()
    # From where a card is domestic; empty where no rule asks.
    home_country = text(2)
    # As in `fees.Rule`, in the order in which they are asked.
    rules = models.JSONField()
    made_by = models.CharField(max_length=320)
    reason = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="fee_plan_once"),
            models.UniqueConstraint(fields=["merchant", "version"], name="fee_plans_have_versions"),
            models.UniqueConstraint(
                fields=["version"], condition=Q(merchant=None), name="standard_fee_plans_have_versions"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.merchant or 'standard'}, version {self.version}"

    @property
    def plan(self) -> Plan:
        return Plan(self.pk, self.home_country, read_rules(self.rules))
