-- A batch of an endpoint's events, from the one after `position` and `id` on: those that it was never sent, because
-- it was disabled or not there yet, get a delivery, the others are due once more.
WITH event AS (
    SELECT e.id, e.position FROM webhooks_event e JOIN webhooks_endpoint p ON p.id = %(endpoint)s
    WHERE e.merchant_id = p.merchant_id AND e.livemode = p.livemode
        AND (e.position, e.id) > (%(position)s, %(id)s)
        AND e.created_at >= %(since)s AND e.created_at < %(until)s
        AND EXISTS (
            SELECT FROM unnest(p.enabled_events) AS wanted
            WHERE wanted IN ('*', e.type) OR right(wanted, 2) = '.*' AND starts_with(e.type, left(wanted, -1))
        )
    ORDER BY e.position, e.id
    LIMIT %(batch)s
), endpoint AS (
    -- Its disabling waits for this, or this for the disabling.
    SELECT id FROM webhooks_endpoint WHERE id = %(endpoint)s AND state = 'enabled' FOR SHARE
), made AS (
    INSERT INTO webhooks_delivery AS d (event_id, endpoint_id)
    SELECT event.id, endpoint.id FROM event, endpoint ORDER BY event.id
    ON CONFLICT (event_id, endpoint_id) DO UPDATE
        SET next_attempt_at = now(), failures = 0, give_up_at = NULL
        WHERE NOT %(only_missed)s OR d.state <> 'succeeded'
    RETURNING d.id
)
SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM made) AS deliveries,
    (SELECT count(*) FROM endpoint) AS enabled, last.position, last.id
FROM (SELECT 1) one LEFT JOIN (SELECT position, id FROM event ORDER BY position DESC, id DESC LIMIT 1) last ON true
