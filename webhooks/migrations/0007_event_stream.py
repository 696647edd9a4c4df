"""What is still to be published on the event stream, how the publishing goes, and what an event looks like there."""

from django.db import migrations, models

# As Debezium's outbox event router names its columns. The payload is the event as the API shows it; a test holds
# both together.
VIEW = """
CREATE VIEW webhooks_event_stream AS
SELECT
    e.public_id AS id,
    e.data->>'object' AS aggregatetype,
    e.object_id AS aggregateid,
    e.type,
    jsonb_build_object(
        'id', e.public_id,
        'object', 'event',
        'account', m.public_id,
        'created', floor(extract(epoch FROM e.created_at))::bigint,
        'data', jsonb_build_object('object', e.data)
            || CASE WHEN e.previous_attributes IS NULL THEN '{}'::jsonb
                    ELSE jsonb_build_object('previous_attributes', e.previous_attributes) END,
        'livemode', e.livemode,
        'request', jsonb_build_object(
            'id', nullif(e.request_id, ''), 'idempotency_key', nullif(e.idempotency_key, '')
        ),
        'sequence', e.sequence,
        'type', e.type
    ) AS payload,
    e.livemode,
    e.sequence,
    e.id AS event_id
FROM webhooks_event e JOIN merchants_merchant m ON m.id = e.merchant_id
"""

# A queue, as the outbox is one.
VACUUM = """
ALTER TABLE webhooks_unpublished SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
INSERT INTO webhooks_stream (id) VALUES (1);
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0006_endpoint_health"), ("merchants", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="UnpublishedEvent",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=models.deletion.PROTECT,
                        primary_key=True,
                        related_name="unpublished",
                        serialize=False,
                        to="webhooks.event",
                    ),
                ),
            ],
            options={"db_table": "webhooks_unpublished"},
        ),
        migrations.CreateModel(
            name="EventStream",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("holder", models.TextField(db_default="", default="")),
                ("lease_until", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("retry_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(db_default="", default="")),
                ("published_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "webhooks_stream",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="there_is_one_event_stream")
                ],
            },
        ),
        migrations.RunSQL(VACUUM, migrations.RunSQL.noop),
        migrations.RunSQL(VIEW, "DROP VIEW webhooks_event_stream"),
    ]
