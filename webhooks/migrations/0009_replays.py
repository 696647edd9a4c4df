"""Replays that staff ask for, and how far they have come."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from core.append_only import forward_only


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0008_inbox"),
    ]

    operations = [
        migrations.CreateModel(
            name="Replay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("only_missed", models.BooleanField()),
                ("asked_by", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done"), ("stopped", "Stopped")],
                        db_default="running",
                        default="running",
                        max_length=7,
                    ),
                ),
                ("position", models.BigIntegerField(db_default=-1, default=-1, editable=False)),
                ("last_event_id", models.BigIntegerField(db_default=0, default=0, editable=False)),
                ("reached_at", models.DateTimeField(null=True)),
                ("events", models.PositiveIntegerField(db_default=0, default=0)),
                ("made", models.PositiveIntegerField(db_default=0, default=0)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replays",
                        to="webhooks.webhookendpoint",
                    ),
                ),
            ],
            options={
                "db_table": "webhooks_replay",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["id"], name="replays_running"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("state", "running")),
                            models.Q(
                                models.Q(("state", "running"), _negated=True), ("finished_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="finished_replays_say_when",
                    )
                ],
            },
        ),
        forward_only(
            "webhooks_replay",
            births=["running"],
            moves=[("running", "done"), ("running", "stopped")],
            frozen=["endpoint_id", "since", "until", "only_missed", "asked_by"],
        ),
    ]
