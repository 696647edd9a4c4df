"""Merchants stay: rows of money that name one are not checked by a foreign key of their own."""

from django.db import migrations

KEPT = """
CREATE TRIGGER kept BEFORE DELETE ON merchants_merchant
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON merchants_merchant
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
"""
UNDO = """
DROP TRIGGER kept_whole ON merchants_merchant;
DROP TRIGGER kept ON merchants_merchant;
"""


class Migration(migrations.Migration):
    dependencies = [("merchants", "0001_initial"), ("core", "0001_guards")]
    operations = [migrations.RunSQL(KEPT, UNDO)]
