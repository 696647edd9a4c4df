"""Thresholds of what has no amount; and a key that waits for somebody is accepted only once somebody has agreed."""

from django.db import migrations, models

from core.append_only import trigger_function

AGREED = """
BEGIN
    IF NOT EXISTS (
        SELECT FROM here.controls_approval
        WHERE action = 'live_key' AND state IN ('approved', 'done') AND (parameters ->> 'key')::bigint = NEW.id
    ) THEN
        RAISE EXCEPTION 'key % waits for somebody to approve it', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
"""


class Migration(migrations.Migration):
    dependencies = [("controls", "0008_audit_in_seals"), ("merchants", "0006_keys_await_approval")]
    operations = [
        migrations.AlterField("threshold", "currency", models.CharField(max_length=3, blank=True)),
        migrations.AddConstraint(
            "threshold",
            models.CheckConstraint(
                condition=models.Q(("currency__gt", ""), ("amount_minor", 0), _connector="OR"),
                name="an_amount_has_its_currency",
            ),
        ),
        migrations.RunSQL(
            trigger_function("controls_key_agreed", AGREED)
            + """
            CREATE TRIGGER agreed BEFORE UPDATE OF awaits_approval ON merchants_apikey
                FOR EACH ROW WHEN (OLD.awaits_approval AND NOT NEW.awaits_approval)
                EXECUTE FUNCTION controls_key_agreed();
            """,
            """
            DROP TRIGGER agreed ON merchants_apikey;
            DROP FUNCTION controls_key_agreed();
            """,
        ),
    ]
