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
        state = CASE
            WHEN o.succeeded THEN 'succeeded'
            WHEN d.state = 'pending' AND o.next_attempt_at IS NULL AND d.next_attempt_at = o.due_at THEN 'given_up'
            ELSE d.state
        END,
        -- A resend that was asked for during the attempt has set another time, and keeps it.
        next_attempt_at = CASE
            WHEN d.next_attempt_at = o.due_at THEN o.next_attempt_at ELSE d.next_attempt_at
        END,
        lease_until = NULL,
        give_up_at = o.give_up_at,
        last_status = o.status,
        last_error = o.error
    FROM outcome o
    WHERE d.id = o.delivery_id AND d.lease_until = o.lease_until
    RETURNING d.id, d.attempts
)
INSERT INTO webhooks_delivery_attempt (delivery_id, number, at, status, error, answer, duration_ms)
SELECT moved.id, moved.attempts, o.at, o.status, o.error, o.answer, o.duration_ms
FROM moved JOIN outcome o ON o.delivery_id = moved.id
RETURNING delivery_id
