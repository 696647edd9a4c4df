-- Where the database was restored into another PostgreSQL cluster, which counts its transactions from a lower
-- number, positions go on above those that are there.
UPDATE webhooks_event_clock clock
SET system_identifier = own.system_identifier,
    starts_at = (SELECT coalesce(max(position), 0) FROM webhooks_event)
FROM pg_control_system() own
WHERE clock.system_identifier <> own.system_identifier
RETURNING clock.starts_at
