"""Events are numbered per object, and have a place in the order in which they became visible."""

from django.db import migrations, models

from core.append_only import analyzed_late, trigger_function

# What is there already has the order of its ids, and a place before all that comes.
NUMBER = """
ALTER TABLE webhooks_event DISABLE TRIGGER append_only;
UPDATE webhooks_event e SET sequence = numbered.sequence
FROM (SELECT id, row_number() OVER (PARTITION BY object_id ORDER BY id) AS sequence FROM webhooks_event) numbered
WHERE numbered.id = e.id;
ALTER TABLE webhooks_event ENABLE TRIGGER append_only;

INSERT INTO webhooks_event_clock (id, system_identifier, starts_at)
SELECT 1, system_identifier, 0 FROM pg_control_system();
"""

# A trigger's statements see what was committed before each of them, even where the statement that inserts the
# event has waited for its object's lock and itself sees an older state.
NUMBERED = trigger_function(
    "webhooks_number_event",
    """
    BEGIN
        SELECT clock.starts_at + pg_current_xact_id()::text::bigint,
               1 + coalesce((SELECT e.sequence FROM here.webhooks_event e WHERE e.object_id = NEW.object_id
                             ORDER BY e.sequence DESC LIMIT 1), 0)
        INTO NEW.position, NEW.sequence
        FROM here.webhooks_event_clock clock;
        RETURN NEW;
    END
    """,
)
TRIGGER = """
CREATE TRIGGER numbered BEFORE INSERT ON webhooks_event
    FOR EACH ROW EXECUTE FUNCTION webhooks_number_event();
CREATE TRIGGER kept BEFORE DELETE ON webhooks_event_clock
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON webhooks_event_clock
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0004_lean_guards")]
    operations = [
        migrations.CreateModel(
            name="EventClock",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("system_identifier", models.BigIntegerField()),
                ("starts_at", models.BigIntegerField()),
            ],
            options={
                "db_table": "webhooks_event_clock",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="there_is_one_event_clock")
                ],
            },
        ),
        migrations.AddField("event", "sequence", models.PositiveIntegerField(db_default=0, editable=False)),
        migrations.AddField("event", "position", models.BigIntegerField(db_default=0, editable=False)),
        migrations.RunSQL(NUMBER, migrations.RunSQL.noop),
        migrations.RemoveIndex("event", "events_of_a_merchant"),
        migrations.RemoveIndex("event", "events_of_an_object"),
        migrations.AddIndex(
            "event",
            models.Index(fields=["merchant", "livemode", "position", "id"], name="events_of_a_merchant"),
        ),
        migrations.AddConstraint(
            "event",
            models.UniqueConstraint(
                fields=["object_id", "sequence"], name="events_of_an_object_are_numbered"
            ),
        ),
        migrations.RunSQL(
            NUMBERED + TRIGGER,
            """
            DROP TRIGGER kept_whole ON webhooks_event_clock;
            DROP TRIGGER kept ON webhooks_event_clock;
            DROP TRIGGER numbered ON webhooks_event;
            DROP FUNCTION webhooks_number_event();
            """,
        ),
        analyzed_late("webhooks_event"),
    ]
