"""Which database transaction wrote a line of the audit, so that the ledger's seals take it in."""

from django.db import migrations, models

import core.xid
from core.append_only import trigger_function

# Written anew, since a copy of rows that a restore brought is this cluster's own.
REWRITTEN = "ALTER TABLE controls_audit ALTER COLUMN summary TYPE text USING summary || ''"
OWN = trigger_function("controls_audit_own", "BEGIN NEW.xid := pg_current_xact_id(); RETURN NEW; END")


class Migration(migrations.Migration):
    dependencies = [("controls", "0007_export_right")]
    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="xid",
            field=core.xid.TransactionIdField(
                db_default=models.Func(function="pg_current_xact_id"), editable=False
            ),
        ),
        migrations.RunSQL(REWRITTEN, migrations.RunSQL.noop),
        migrations.AddIndex(model_name="auditentry", index=models.Index("xid", name="audit_by_transaction")),
        migrations.RunSQL(
            OWN
            + """
            CREATE TRIGGER own_transaction BEFORE INSERT ON controls_audit
                FOR EACH ROW EXECUTE FUNCTION controls_audit_own();
            """,
            """
            DROP TRIGGER own_transaction ON controls_audit;
            DROP FUNCTION controls_audit_own();
            """,
        ),
    ]
