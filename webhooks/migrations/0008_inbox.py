"""Notifications are kept as they came, byte for byte, and stay."""

from django.db import migrations, models

from core.append_only import columns_stay

KEPT = """
    CREATE TRIGGER kept BEFORE DELETE ON webhooks_notification
        FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
    CREATE TRIGGER kept_whole BEFORE TRUNCATE ON webhooks_notification
        FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
"""
CAME = ("processor", "notification_id", "reference", "dispute_id", "kind", "body", "redacted", "received_at")


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0007_event_stream")]

    operations = [
        migrations.AddField("notification", "dispute_id", models.TextField(db_default="", default="")),
        migrations.AddField("notification", "redacted", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("notification", "problem", models.TextField(db_default="", default="")),
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    """
                    ALTER TABLE webhooks_notification ALTER COLUMN body TYPE bytea
                        USING convert_to(body, 'UTF8');
                    UPDATE webhooks_notification SET redacted = true
                        WHERE position(convert_to('[card ', 'UTF8') IN body) > 0;
                    """,
                    """
                    ALTER TABLE webhooks_notification ALTER COLUMN body TYPE text
                        USING convert_from(body, 'UTF8');
                    """,
                )
            ],
            [migrations.AlterField("notification", "body", models.BinaryField())],
        ),
        migrations.RunSQL(
            columns_stay("webhooks_notification", CAME) + KEPT,
            """
            DROP TRIGGER kept_whole ON webhooks_notification;
            DROP TRIGGER kept ON webhooks_notification;
            DROP TRIGGER frozen ON webhooks_notification;
            """,
        ),
    ]
