-- Takes the notifications that are due; the time of the next try is the lease of whoever took them. After the
-- last try there is none.
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
    next_attempt_at = CASE WHEN notification.attempts < %(most_tries)s THEN now() + interval '1 second'
        * (%(delays)s::int8[])[least(notification.attempts + 1, array_length(%(delays)s::int8[], 1))] END
FROM due
WHERE notification.id = due.id
RETURNING notification.id, notification.processor, notification.notification_id, notification.reference,
    notification.dispute_id, notification.kind, notification.attempts
