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
    SELECT d.id, d.next_attempt_at, coalesce(known.under_way, 0) + d.place AS turn
    FROM endpoint
    LEFT JOIN unnest(%(endpoints)s::bigint[], %(rooms)s::int[], %(under_way)s::int[])
        AS known(endpoint_id, room, under_way) ON known.endpoint_id = endpoint.id
    CROSS JOIN LATERAL (
        SELECT w.id, w.next_attempt_at, row_number() OVER (ORDER BY w.next_attempt_at) AS place
        FROM webhooks_delivery w
        WHERE w.endpoint_id = endpoint.id AND w.next_attempt_at <= now()
            AND (w.lease_until IS NULL OR w.lease_until <= now())
        ORDER BY w.next_attempt_at
        LIMIT coalesce(known.room, %(first_room)s)
    ) d
    ORDER BY turn, d.next_attempt_at
    LIMIT %(batch)s
), due AS (
    -- Another sender may have been quicker: what is locked is skipped, what has changed is looked at again.
    -- IS TRUE keeps the planner from reading all that is due through its index instead of these few by id.
    SELECT d.id FROM candidate JOIN webhooks_delivery d USING (id)
    WHERE (d.next_attempt_at <= now() AND (d.lease_until IS NULL OR d.lease_until <= now())) IS TRUE
    FOR NO KEY UPDATE OF d SKIP LOCKED
)
UPDATE webhooks_delivery d
SET lease_until = now() + make_interval(secs => %(lease_seconds)s)
FROM due, webhooks_event e, webhooks_endpoint p
WHERE d.id = due.id AND e.id = d.event_id AND p.id = d.endpoint_id AND p.state = 'enabled'
RETURNING d.id, d.endpoint_id, d.state, d.attempts, d.next_attempt_at, d.lease_until, d.give_up_at,
    p.url, p.secret,
    e.public_id, e.type, e.livemode, e.created_at, e.request_id, e.idempotency_key, e.object_id, e.sequence,
    e.data::text AS data, e.previous_attributes::text AS previous_attributes,
    (SELECT count(*) FROM webhooks_delivery o WHERE o.event_id = e.id AND o.state = 'pending') AS pending_webhooks
