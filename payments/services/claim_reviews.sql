-- Takes the reviews whose deadline has come; the new time is the lease of whoever took them.
WITH due AS (
    SELECT id
    FROM risk_review
    WHERE next_look_at <= now()
    ORDER BY next_look_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE risk_review AS review
SET next_look_at = now() + interval '1 second' * %(lease_seconds)s
FROM due
WHERE review.id = due.id
RETURNING review.public_id
