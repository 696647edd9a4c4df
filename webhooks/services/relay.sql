-- Takes a batch off the outbox and makes its deliveries, in one statement and so in one short transaction.
-- A relay beside this one takes other rows; an event that commits late is simply a row of a later batch.
WITH claimed AS (
    SELECT event_id FROM webhooks_outbox ORDER BY event_id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM webhooks_outbox o USING claimed WHERE o.event_id = claimed.event_id
), unpublished AS (
    -- In the same transaction: an event is always in one of the two queues until it is on the stream.
    INSERT INTO webhooks_unpublished (event_id) SELECT event_id FROM claimed WHERE %(stream)s
    ON CONFLICT DO NOTHING
), event AS (
    SELECT e.id, e.merchant_id, e.livemode, e.type FROM claimed JOIN webhooks_event e ON e.id = claimed.event_id
), endpoint AS (
    -- The lock makes an endpoint's disabling wait for this commit, or this wait for the disabling: a delivery
    -- is never made for an endpoint whose deliveries were just stopped.
    SELECT p.id, p.merchant_id, p.livemode, p.enabled_events FROM webhooks_endpoint p
    WHERE p.state = 'enabled'
        AND (p.merchant_id, p.livemode) IN (SELECT event.merchant_id, event.livemode FROM event)
    ORDER BY p.id
    FOR SHARE OF p
), made AS (
    INSERT INTO webhooks_delivery (event_id, endpoint_id)
    SELECT event.id, endpoint.id
    FROM event JOIN endpoint USING (merchant_id, livemode)
    WHERE EXISTS (
        SELECT FROM unnest(endpoint.enabled_events) AS wanted
        WHERE wanted IN ('*', event.type)
            OR right(wanted, 2) = '.*' AND starts_with(event.type, left(wanted, -1))
    )
    ON CONFLICT (event_id, endpoint_id) DO NOTHING
    RETURNING id
)
SELECT (SELECT count(*) FROM claimed) AS events, (SELECT count(*) FROM made) AS deliveries
