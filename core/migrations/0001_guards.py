from django.db import migrations

GUARDS = """
CREATE FUNCTION core_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused by rule "%"', TG_OP, TG_TABLE_NAME, TG_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION core_refuse_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION '% can not be born in state %', TG_TABLE_NAME, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RAISE EXCEPTION '% % can not move from % to %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation';
END $$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(GUARDS, "DROP FUNCTION core_refuse_state(); DROP FUNCTION core_refuse_change();")
    ]
