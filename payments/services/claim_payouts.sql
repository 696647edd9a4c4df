-- Takes the payouts that are due to be asked about; the new time is the lease of whoever took them.
WITH due AS (
    SELECT id
    FROM payments_payout
    WHERE next_look_at <= now()
    ORDER BY next_look_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments_payout AS payout
SET next_look_at = now() + interval '1 second' * %(lease_seconds)s
FROM due
WHERE payout.id = due.id
RETURNING payout.id
