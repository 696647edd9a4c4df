-- Renews the lease of the publisher that still holds it, and reads what is next: the objects of the oldest events,
-- and of each all that is unpublished, in the order of its events. An event waits while one before it is still to
-- come through the relay. So each batch has, of every object, the next events without a gap.
WITH lease AS (
    UPDATE webhooks_stream SET lease_until = now() + make_interval(secs => %(lease_seconds)s)
    WHERE id = 1 AND holder = %(holder)s
    RETURNING id
), oldest AS (
    SELECT event_id FROM webhooks_unpublished ORDER BY event_id LIMIT %(batch)s
), object AS (
    SELECT DISTINCT e.object_id FROM oldest JOIN webhooks_event e ON e.id = oldest.event_id
)
SELECT s.event_id, s.id, s.aggregatetype, s.aggregateid, s.type, s.payload::text AS payload, s.livemode, s.sequence
FROM lease, object
JOIN webhooks_event_stream s ON s.aggregateid = object.object_id
JOIN webhooks_unpublished u ON u.event_id = s.event_id
WHERE NOT EXISTS (
    SELECT FROM webhooks_event earlier JOIN webhooks_outbox o ON o.event_id = earlier.id
    WHERE earlier.object_id = s.aggregateid AND earlier.sequence < s.sequence
)
ORDER BY s.aggregateid, s.sequence
