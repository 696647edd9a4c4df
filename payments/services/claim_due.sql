-- Takes the open operations that are due and says when each is due again: the due time is the sweeper's lease.
WITH due AS (
    SELECT id
    FROM payments_operation
    WHERE next_attempt_at <= now()
    ORDER BY next_attempt_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments_operation AS operation
SET attempts = operation.attempts + 1,
    next_attempt_at = now() + interval '1 second'
        * (%(delays)s::int8[])[least(operation.attempts + 1, array_length(%(delays)s::int8[], 1))]
FROM due
WHERE operation.id = due.id
RETURNING operation.public_id, operation.request_id
