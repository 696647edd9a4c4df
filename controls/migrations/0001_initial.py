import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("merchants", "0003_order_metadata_key"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=60)),
                ("subject", models.CharField(max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("resolved", "Resolved")],
                        db_default="open",
                        default="open",
                        max_length=8,
                    ),
                ),
                ("message", models.TextField()),
                ("livemode", models.BooleanField(null=True)),
                ("currency", models.CharField(db_default="", default="", max_length=3)),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("data", models.JSONField(db_default={}, default=dict)),
                ("first_seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("times", models.PositiveIntegerField(db_default=1, default=1)),
                ("resolved_at", models.DateTimeField(null=True)),
                ("resolved_by", models.CharField(db_default="", default="", max_length=150)),
                ("resolved_reason", models.TextField(db_default="", default="")),
                (
                    "merchant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "db_table": "controls_alert",
                "indexes": [
                    models.Index(
                        models.F("state"),
                        models.OrderBy(models.F("last_seen_at"), descending=True),
                        name="alerts_by_state_and_time",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("kind", "subject"),
                        name="one_open_alert_per_subject",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__gt", ""), ("message__gt", ""), ("subject__gt", "")),
                        name="an_alert_says_what_it_is",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("resolved_at", None),
                                ("resolved_by", ""),
                                ("resolved_reason", ""),
                                ("state", "open"),
                            ),
                            models.Q(
                                ("resolved_at__isnull", False),
                                ("resolved_by__gt", ""),
                                ("resolved_reason__gt", ""),
                                ("state", "resolved"),
                            ),
                            _connector="OR",
                        ),
                        name="a_resolution_is_whole",
                    ),
                ],
            },
        ),
    ]
