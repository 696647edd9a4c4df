"""The claim of whoever waits for an answer to a dispute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        ("payments", "0013_open_refunds"),
    ]

    operations = [
        migrations.AddField(
            model_name="dispute",
            name="claim_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("claim_id", None), models.Q(("wanted", ""), _negated=True), _connector="OR"
                ),
                name="only_wanted_orders_have_a_claim",
            ),
        ),
    ]
