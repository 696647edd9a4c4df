"""Who issued a card, in the clear: gone with the card where it is shredded."""

from django.db import migrations, models

BIN = """
CREATE TRIGGER bin_is_kept_as_it_came BEFORE UPDATE OF bin ON vault_card FOR EACH ROW
    WHEN (OLD.bin <> NEW.bin AND NEW.shredded_at IS NULL) EXECUTE FUNCTION core_refuse_change();
ALTER TABLE vault_card ADD CONSTRAINT a_shredded_card_has_no_bin CHECK (shredded_at IS NULL OR bin = '');
"""
GONE = """
ALTER TABLE vault_card DROP CONSTRAINT a_shredded_card_has_no_bin;
DROP TRIGGER bin_is_kept_as_it_came ON vault_card;
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0005_origins")]
    operations = [
        migrations.AddField(
            model_name="card",
            name="bin",
            field=models.CharField(blank=True, db_default="", default="", max_length=6),
        ),
        migrations.RunSQL(BIN, GONE),
    ]
