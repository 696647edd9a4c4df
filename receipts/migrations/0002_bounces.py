"""Receipts that come back."""

from django.db import migrations, models

from core.append_only import forward_only

FROZEN = [
    "public_id",
    "merchant_id",
    "livemode",
    "kind",
    "object_id",
    "charge_id",
    "amount_minor",
    "currency",
]
MOVES = [("pending", "sent"), ("pending", "failed"), ("failed", "pending")]


class Migration(migrations.Migration):
    dependencies = [("receipts", "0001_initial")]

    operations = [
        forward_only("receipts_receipt", births=["pending"], moves=MOVES, frozen=FROZEN).again(),
        migrations.AlterField(
            model_name="receipt",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("sent", "Sent"),
                    ("failed", "Failed"),
                    ("bounced", "Bounced"),
                ],
                db_default="pending",
                default="pending",
                max_length=7,
            ),
        ),
        migrations.RemoveConstraint(model_name="receipt", name="pending_receipts_have_a_due_time"),
        migrations.RemoveConstraint(model_name="receipt", name="sent_receipts_say_when"),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(state="pending", next_attempt_at__isnull=False)
                | models.Q(state__in=["sent", "failed", "bounced"], next_attempt_at=None),
                name="pending_receipts_have_a_due_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(state__in=["sent", "bounced"], sent_at__isnull=False)
                | models.Q(state__in=["pending", "failed"], sent_at=None),
                name="sent_receipts_say_when",
            ),
        ),
        forward_only(
            "receipts_receipt",
            births=["pending"],
            moves=[*MOVES, ("sent", "bounced"), ("bounced", "pending")],
            frozen=FROZEN,
        ),
    ]
