-- Takes the open disputes that are due; the time of the next look is the lease of whoever took them.
WITH due AS (
    SELECT id
    FROM payments_dispute
    WHERE next_look_at <= now()
    ORDER BY next_look_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments_dispute AS dispute
SET looks = dispute.looks + 1,
    next_look_at = now() + interval '1 second' * CASE
        WHEN dispute.wanted = '' THEN %(usual_seconds)s::float8
        ELSE (%(delays)s::float8[])[least(dispute.looks + 1, array_length(%(delays)s::float8[], 1))] END
FROM due
WHERE dispute.id = due.id
RETURNING dispute.id, dispute.wanted
