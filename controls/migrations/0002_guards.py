"""What PostgreSQL itself holds of alerts: they stay, are resolved once, and only count up."""

from django.db import migrations

from core.append_only import forward_only

ONCE = """
CREATE TRIGGER resolved_once BEFORE UPDATE ON controls_alert FOR EACH ROW
    WHEN (OLD.state = 'resolved' OR NEW.times < OLD.times OR NEW.last_seen_at < OLD.last_seen_at)
    EXECUTE FUNCTION core_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("controls", "0001_initial"), ("core", "0001_guards")]
    operations = [
        forward_only(
            "controls_alert",
            births=["open"],
            moves=[("open", "resolved")],
            frozen=["kind", "subject", "livemode", "merchant_id", "first_seen_at"],
        ),
        migrations.RunSQL(ONCE, "DROP TRIGGER resolved_once ON controls_alert;"),
    ]
