-- Takes due receipts under a lease.
WITH due AS (
    SELECT id FROM receipts_receipt
    WHERE next_attempt_at <= now() AND (lease_until IS NULL OR lease_until <= now())
    ORDER BY next_attempt_at
    LIMIT %(batch)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE receipts_receipt r SET lease_until = now() + make_interval(secs => %(lease_seconds)s)
FROM due WHERE r.id = due.id
RETURNING r.id
