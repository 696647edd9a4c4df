"""Seals cover the audit too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_limits_proven"), ("controls", "0008_audit_in_seals")]
    operations = [
        migrations.AddField(
            model_name="ledgerseal",
            name="audit_base_id",
            field=models.BigIntegerField(db_default=0, default=0),
        )
    ]
