"""What PostgreSQL itself holds of events and deliveries, whoever writes."""

from django.db import migrations

from core.append_only import append_only, forward_only

# A merchant's events go to that merchant's endpoints of the same mode.
SAME_MERCHANT = """
CREATE FUNCTION webhooks_check_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT e.public_id AS event, p.public_id AS endpoint INTO wrong
        FROM fresh d JOIN webhooks_event e ON e.id = d.event_id JOIN webhooks_endpoint p ON p.id = d.endpoint_id
        WHERE (e.merchant_id, e.livemode) IS DISTINCT FROM (p.merchant_id, p.livemode) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'event % and webhook endpoint % belong to different merchants or modes',
            wrong.event, wrong.endpoint USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER same_merchant AFTER INSERT ON webhooks_delivery REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_check_delivery();
"""

# Queues: rows come and go. Vacuumed by number, not by share, the dead ones never make a poll slow.
VACUUM = """
ALTER TABLE webhooks_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE webhooks_delivery SET (autovacuum_vacuum_scale_factor = 0.02);
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial"), ("core", "0001_guards")]
    operations = [
        append_only("webhooks_event"),
        append_only("webhooks_delivery_attempt"),
        forward_only(
            "webhooks_endpoint",
            births=["enabled"],
            moves=[
                ("enabled", "disabled"),
                ("disabled", "enabled"),
                ("enabled", "deleted"),
                ("disabled", "deleted"),
            ],
            frozen=["public_id", "merchant_id", "livemode", "created_at"],
        ),
        forward_only(
            "webhooks_delivery",
            births=["pending"],
            # What was given up succeeds when somebody resends it.
            moves=[("pending", "succeeded"), ("pending", "given_up"), ("given_up", "succeeded")],
            frozen=["event_id", "endpoint_id", "created_at"],
        ),
        migrations.RunSQL(
            SAME_MERCHANT,
            "DROP TRIGGER same_merchant ON webhooks_delivery; DROP FUNCTION webhooks_check_delivery();",
        ),
        migrations.RunSQL(
            VACUUM,
            """
            ALTER TABLE webhooks_outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
            ALTER TABLE webhooks_delivery RESET (autovacuum_vacuum_scale_factor);
            """,
        ),
    ]
