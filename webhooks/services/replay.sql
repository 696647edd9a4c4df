-- The next batch of a replay, and how far it has come, in one statement: those of its endpoint's events that were never
-- sent to it, because it was disabled or not there yet, get a delivery, the others are due once more.
WITH replay AS (
    -- Whoever else is at it has this batch: then there is none for us.
    SELECT * FROM webhooks_replay WHERE id = %(replay)s AND state = 'running' FOR NO KEY UPDATE SKIP LOCKED
), endpoint AS (
    -- Its disabling waits for this, or this for the disabling.
    SELECT p.id, p.merchant_id, p.livemode, p.enabled_events
    FROM webhooks_endpoint p JOIN replay ON replay.endpoint_id = p.id
    WHERE p.state = 'enabled' FOR SHARE OF p
), event AS (
    SELECT next.id, next.position, next.created_at
    FROM replay, endpoint
    CROSS JOIN LATERAL (
        SELECT e.id, e.position, e.created_at FROM webhooks_event e
        WHERE e.merchant_id = endpoint.merchant_id AND e.livemode = endpoint.livemode
            AND (e.position, e.id) > (replay.position, replay.last_event_id)
            AND e.created_at >= replay.since AND e.created_at < replay.until
            AND EXISTS (
                SELECT FROM unnest(endpoint.enabled_events) AS wanted
                WHERE wanted IN ('*', e.type) OR right(wanted, 2) = '.*' AND starts_with(e.type, left(wanted, -1))
            )
        ORDER BY e.position, e.id
        LIMIT %(batch)s
    ) next
), made AS (
    INSERT INTO webhooks_delivery AS d (event_id, endpoint_id)
    SELECT event.id, endpoint.id FROM event, endpoint ORDER BY event.id
    ON CONFLICT (event_id, endpoint_id) DO UPDATE
        SET next_attempt_at = now(), failures = 0, give_up_at = NULL
        WHERE d.state <> 'succeeded' OR NOT (SELECT only_missed FROM replay)
    RETURNING d.id
), found AS (
    SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM made) AS made,
        CASE
            WHEN NOT EXISTS (SELECT FROM endpoint) THEN 'stopped'
            WHEN (SELECT count(*) FROM event) < %(batch)s THEN 'done'
            ELSE 'running'
        END AS state
), last AS (
    SELECT position, id, created_at FROM event ORDER BY position DESC, id DESC LIMIT 1
)
UPDATE webhooks_replay r
SET state = found.state,
    finished_at = CASE WHEN found.state <> 'running' THEN now() END,
    events = r.events + found.events,
    made = r.made + found.made,
    position = coalesce(last.position, r.position),
    last_event_id = coalesce(last.id, r.last_event_id),
    reached_at = coalesce(last.created_at, r.reached_at)
FROM replay CROSS JOIN found LEFT JOIN last ON true
WHERE r.id = replay.id
RETURNING r.state
