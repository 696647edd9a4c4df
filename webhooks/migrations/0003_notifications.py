"""What processors notify us of, each kept once."""

import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Notification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("processor", models.TextField()),
                ("notification_id", models.TextField()),
                ("reference", models.TextField()),
                ("kind", models.TextField()),
                ("body", models.TextField()),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempts", models.PositiveIntegerField(db_default=0, default=0)),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ("applied_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "webhooks_notification",
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["next_attempt_at"],
                        name="notifications_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("processor", "notification_id"), name="notification_once")
                ],
            },
        ),
    ]
