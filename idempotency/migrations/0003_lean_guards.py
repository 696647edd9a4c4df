"""The same rules of kept answers, in words that PostgreSQL reads faster; and answers kept as they come, since
squeezing one costs more than the page that it fills for a day."""

from importlib import import_module

from django.db import migrations

from core.append_only import columns_stay

BEFORE = import_module("idempotency.migrations.0002_guards")

KEPT = """
DROP TRIGGER answered_once ON idempotency_claim;
CREATE TRIGGER answered_once BEFORE UPDATE ON idempotency_claim FOR EACH ROW
    WHEN (OLD.answered_at IS NOT NULL) EXECUTE FUNCTION core_refuse_change();
""" + columns_stay("idempotency_claim", ["merchant_id", "livemode", "key", "fingerprint"])
UNDO = f"""
DROP TRIGGER frozen ON idempotency_claim;
{BEFORE.UNDO}
{BEFORE.KEPT}
"""


class Migration(migrations.Migration):
    dependencies = [("idempotency", "0002_guards")]
    operations = [
        migrations.RunSQL(KEPT, UNDO),
        migrations.RunSQL(
            "ALTER TABLE idempotency_claim SET (toast_tuple_target = 4080);",
            "ALTER TABLE idempotency_claim RESET (toast_tuple_target);",
        ),
    ]
