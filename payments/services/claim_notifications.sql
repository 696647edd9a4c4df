-- Takes the notifications that are due. Until they are written down, the time of the next try is the lease of whoever
-- took them: short, so that those of a worker that died are soon another's.
WITH due AS (
    SELECT id
    FROM webhooks_notification
    WHERE next_attempt_at <= now()
    ORDER BY next_attempt_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE webhooks_notification AS notification
SET attempts = notification.attempts + 1,
    next_attempt_at = now() + interval '1 second' * %(lease_seconds)s
FROM due
WHERE notification.id = due.id
RETURNING notification.id, notification.processor, notification.notification_id, notification.reference,
    notification.dispute_id, notification.kind, notification.attempts
