"""What is known of an endpoint: its rolled secret, whether it keeps order, since when it fails."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        ("webhooks", "0005_event_order"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="failures",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        # What is being tried goes on where it is on the schedule.
        migrations.RunSQL(
            "UPDATE webhooks_delivery SET failures = attempts WHERE next_attempt_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="disabled_reason",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="failing_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="ordered",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="previous_secret",
            field=models.TextField(db_default="", default="", editable=False),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="previous_secret_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("previous_secret", ""), ("previous_secret_until__isnull", False), _connector="OR"
                ),
                name="rolled_secrets_end",
            ),
        ),
    ]
