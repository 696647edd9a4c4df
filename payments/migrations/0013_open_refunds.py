"""An index of refunds under way, which a balance counts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        ("payments", "0012_dispute_guards"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("state", "pending"), ("voids", False)),
                fields=["merchant", "livemode"],
                name="refunds_under_way",
            ),
        ),
    ]
