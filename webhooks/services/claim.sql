-- Takes due deliveries under a lease. No endpoint gets more than its room, and those with the fewest under way
-- come first, so that neither a dead endpoint nor a busy one keeps the others waiting.
WITH RECURSIVE endpoint(id) AS (
    -- The endpoints with anything to do, one step through the index for each, however long their queues are.
    (SELECT endpoint_id FROM webhooks_delivery WHERE next_attempt_at IS NOT NULL ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT d.endpoint_id FROM webhooks_delivery d
        WHERE d.next_attempt_at IS NOT NULL AND d.endpoint_id > endpoint.id
        ORDER BY d.endpoint_id LIMIT 1
    )
    FROM endpoint WHERE endpoint.id IS NOT NULL
), candidate AS (
    SELECT d.id, endpoint.id AS endpoint_id, d.next_attempt_at, coalesce(known.under_way, 0) AS under_way,
        coalesce(known.room, %(first_room)s) AS room
    FROM endpoint
    JOIN webhooks_endpoint p ON p.id = endpoint.id
    LEFT JOIN unnest(%(endpoints)s::bigint[], %(rooms)s::int[], %(under_way)s::int[])
        AS known(endpoint_id, room, under_way) ON known.endpoint_id = endpoint.id
    CROSS JOIN LATERAL (
        SELECT w.id, w.next_attempt_at
        FROM webhooks_delivery w
        WHERE w.endpoint_id = endpoint.id AND w.next_attempt_at <= now()
            AND (w.lease_until IS NULL OR w.lease_until <= now())
        ORDER BY w.next_attempt_at
        -- In an ordered endpoint's line what has to wait is passed by.
        LIMIT CASE
            WHEN coalesce(known.room, %(first_room)s) = 0 THEN 0
            WHEN p.ordered THEN coalesce(known.room, %(first_room)s) + %(look_ahead)s
            ELSE coalesce(known.room, %(first_room)s)
        END
    ) d
), behind AS (
    -- At an ordered endpoint: what has to wait for an earlier event of the same object, and until when. That one
    -- may still be in the outbox, held by a relay that has not committed.
    -- Looked for from the nearest one backward: in a long line that is the one to wait for.
    SELECT candidate.id, first.until
    FROM candidate
    JOIN webhooks_delivery d USING (id)
    JOIN webhooks_endpoint p ON p.id = d.endpoint_id AND p.ordered
    JOIN webhooks_event e ON e.id = d.event_id
    CROSS JOIN LATERAL (
        -- What is due itself is only waited for here: record.sql says when it is done with.
        SELECT greatest(
            other.next_attempt_at, other.lease_until, now(),
            CASE WHEN other.id IS NOT NULL THEN now() + interval '4 seconds' END
        ) AS until
        FROM webhooks_event earlier
        LEFT JOIN webhooks_delivery other
            ON other.event_id = earlier.id AND other.endpoint_id = d.endpoint_id
                AND other.next_attempt_at IS NOT NULL
        LEFT JOIN webhooks_outbox o ON o.event_id = earlier.id
        WHERE earlier.object_id = e.object_id AND earlier.sequence < e.sequence
            AND (other.id IS NOT NULL OR o.event_id IS NOT NULL)
        ORDER BY earlier.sequence DESC LIMIT 1
    ) first
), parking AS (
    SELECT d.id, behind.until FROM behind JOIN webhooks_delivery d USING (id)
    FOR NO KEY UPDATE OF d SKIP LOCKED
), parked AS (
    -- Out of the way of what can be sent. record.sql wakes it.
    UPDATE webhooks_delivery d SET next_attempt_at = parking.until + interval '1 second'
    FROM parking WHERE d.id = parking.id
), chosen AS (
    SELECT ready.id FROM (
        SELECT id, room, next_attempt_at, under_way,
            row_number() OVER (PARTITION BY endpoint_id ORDER BY next_attempt_at, id) AS place
        FROM candidate WHERE id NOT IN (SELECT id FROM behind)
    ) ready
    WHERE place <= room
    ORDER BY under_way + place, next_attempt_at
    LIMIT %(batch)s
), due AS (
    -- Another sender may have been quicker: what is locked is skipped, what has changed is looked at again.
    -- IS TRUE keeps the planner from reading all that is due through its index instead of these few by id.
    SELECT d.id FROM chosen JOIN webhooks_delivery d USING (id)
    WHERE (d.next_attempt_at <= now() AND (d.lease_until IS NULL OR d.lease_until <= now())) IS TRUE
    FOR NO KEY UPDATE OF d SKIP LOCKED
)
UPDATE webhooks_delivery d
SET lease_until = now() + make_interval(secs => %(lease_seconds)s)
FROM due, webhooks_event e, webhooks_endpoint p
WHERE d.id = due.id AND e.id = d.event_id AND p.id = d.endpoint_id AND p.state = 'enabled'
RETURNING d.id, d.endpoint_id, d.state, d.failures, d.next_attempt_at, d.lease_until, d.give_up_at,
    p.url, p.secret, CASE WHEN p.previous_secret_until > now() THEN p.previous_secret END AS previous_secret,
    e.public_id, e.type, e.livemode, e.created_at, e.request_id, e.idempotency_key, e.object_id, e.sequence,
    e.data::text AS data, e.previous_attributes::text AS previous_attributes,
    (SELECT count(*) FROM webhooks_delivery o WHERE o.event_id = e.id AND o.state = 'pending') AS pending_webhooks
