-- What came of a batch of attempts. A lease that was lost meanwhile records nothing: whoever has it now will.
WITH outcome AS (
    SELECT * FROM jsonb_to_recordset(%(outcomes)s::jsonb) AS o(
        delivery_id bigint, lease_until timestamptz, due_at timestamptz, at timestamptz, succeeded boolean,
        next_attempt_at timestamptz, give_up_at timestamptz,
        status smallint, error text, answer text, duration_ms int
    )
), moved AS (
    UPDATE webhooks_delivery d
    SET attempts = d.attempts + 1,
        failures = CASE
            WHEN o.succeeded THEN 0 WHEN d.next_attempt_at = o.due_at THEN d.failures + 1 ELSE d.failures
        END,
        state = CASE
            WHEN o.succeeded THEN 'succeeded'
            WHEN d.state = 'pending' AND o.next_attempt_at IS NULL AND d.next_attempt_at = o.due_at THEN 'given_up'
            ELSE d.state
        END,
        -- A resend that was asked for during the attempt has set another time, and keeps it and its schedule.
        next_attempt_at = CASE
            WHEN d.next_attempt_at = o.due_at THEN o.next_attempt_at ELSE d.next_attempt_at
        END,
        lease_until = NULL,
        give_up_at = CASE WHEN d.next_attempt_at = o.due_at THEN o.give_up_at ELSE d.give_up_at END,
        last_status = o.status,
        last_error = o.error
    FROM outcome o
    WHERE d.id = o.delivery_id AND d.lease_until = o.lease_until
    RETURNING d.id, d.event_id, d.endpoint_id, d.attempts, d.next_attempt_at, o.succeeded, o.at
), health AS (
    SELECT endpoint_id, bool_or(succeeded) AS well, min(at) AS since FROM moved GROUP BY endpoint_id
), endpoint AS (
    -- Written only when it changes between well and failing: an endpoint is no place that senders queue for.
    UPDATE webhooks_endpoint p SET failing_since = CASE WHEN NOT health.well THEN health.since END
    FROM health WHERE p.id = health.endpoint_id AND health.well = (p.failing_since IS NOT NULL)
), following AS (
    -- What an ordered endpoint has waiting behind an event that is done with.
    SELECT next.id
    FROM moved
    JOIN webhooks_endpoint p ON p.id = moved.endpoint_id AND p.ordered
    JOIN webhooks_event e ON e.id = moved.event_id
    CROSS JOIN LATERAL (
        SELECT d.id FROM webhooks_event later
        JOIN webhooks_delivery d ON d.event_id = later.id AND d.endpoint_id = p.id
        WHERE later.object_id = e.object_id AND later.sequence > e.sequence
            AND d.next_attempt_at IS NOT NULL AND d.lease_until IS NULL AND d.failures = 0
        ORDER BY later.sequence LIMIT 1
    ) next
    WHERE moved.next_attempt_at IS NULL
), woken AS (
    -- Its turn, before all that came after it or has to wait: in a long line claim.sql looks at the first ones only.
    UPDATE webhooks_delivery d SET next_attempt_at = d.created_at FROM following
    WHERE d.id = following.id AND d.next_attempt_at <> d.created_at AND d.lease_until IS NULL
)
INSERT INTO webhooks_delivery_attempt (delivery_id, number, at, status, error, answer, duration_ms)
SELECT moved.id, moved.attempts, o.at, o.status, o.error, o.answer, o.duration_ms
FROM moved JOIN outcome o ON o.delivery_id = moved.id
RETURNING delivery_id
