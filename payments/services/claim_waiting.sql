-- Takes the charges that are due to be looked after; the new time is the lease of whoever took them.
WITH due AS (
    SELECT id
    FROM payments_charge
    WHERE next_look_at <= now()
    ORDER BY next_look_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments_charge AS charge
SET next_look_at = now() + interval '1 second' * %(lease_seconds)s
FROM due
WHERE charge.id = due.id
RETURNING charge.id
