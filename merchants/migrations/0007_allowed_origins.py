"""Which pages may bring cards for a merchant, in each mode; and how often the vault was to be told of a key."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("merchants", "0006_keys_await_approval")]
    operations = [
        migrations.AddField(
            model_name="apikey",
            name="vault_version",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.CreateModel(
            name="AllowedOrigins",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                (
                    "origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300), default=list, size=None
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allowed_origins",
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "livemode"), name="origins_once_a_mode"),
                ],
            },
        ),
        migrations.RunSQL(
            """
            ALTER TABLE merchants_allowedorigins ADD CONSTRAINT live_origins_are_encrypted
                CHECK (NOT livemode OR array_to_string(origins, ' ') !~ '(^| )http:');
            """,
            "ALTER TABLE merchants_allowedorigins DROP CONSTRAINT live_origins_are_encrypted;",
        ),
    ]
