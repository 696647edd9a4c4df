"""Publishable keys know which pages may bring cards with them; a word that comes late changes nothing."""

from django.db import migrations, models

FORWARD = """
CREATE TRIGGER origins_forward BEFORE UPDATE ON vault_publishablekey FOR EACH ROW
    WHEN (NEW.version < OLD.version)
    EXECUTE FUNCTION core_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0004_shredding_guards")]
    operations = [
        migrations.AddField("publishablekey", "origins", models.JSONField(default=list)),
        migrations.AddField("publishablekey", "version", models.PositiveIntegerField(default=0)),
        migrations.RunSQL(FORWARD, "DROP TRIGGER origins_forward ON vault_publishablekey;"),
    ]
