-- Makes the receipts that new events ask for, of the merchants that want them, and remembers up to where their events
-- were looked at: below the watermark, where no event can appear any more. A task beside this one takes other merchants.
-- Where there is much to catch up with, it is done in parts.
WITH mark AS (
    SELECT starts_at + pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position FROM webhooks_event_clock
), setting AS (
    SELECT s.id, s.merchant_id, s.language, s.test_mode, s.position FROM receipts_setting s
    WHERE s.enabled FOR NO KEY UPDATE SKIP LOCKED
), event AS (
    SELECT s.id AS setting_id, s.merchant_id, s.language, mode.live AS livemode, e.type, e.object_id, e.data,
           e.position
    FROM mark, setting s
    JOIN (VALUES (true), (false)) AS mode(live) ON mode.live OR s.test_mode
    CROSS JOIN LATERAL (
        SELECT w.type, w.object_id, w.data, w.position FROM webhooks_event w
        WHERE w.merchant_id = s.merchant_id AND w.livemode = mode.live
            AND w.position >= s.position AND w.position < mark.position
        ORDER BY w.position, w.id
        LIMIT %(most)s
    ) e
), wanted AS (
    SELECT *, 'payment' AS kind, object_id AS charge, (data->>'amount_captured')::bigint AS amount FROM event
    WHERE type IN ('charge.succeeded', 'charge.captured') AND (data->>'captured')::boolean
    UNION ALL
    SELECT *, 'refund', data->>'charge', (data->>'amount')::bigint FROM event
    WHERE type = 'refund.updated' AND data->>'status' = 'succeeded'
), made AS (
    INSERT INTO receipts_receipt
        (public_id, merchant_id, livemode, kind, object_id, charge_id, email, language, amount_minor, currency)
    SELECT 'rcpt_' || replace(gen_random_uuid()::text, '-', ''), w.merchant_id, w.livemode, w.kind, w.object_id,
           c.id, c.receipt_email, w.language, w.amount, c.currency
    FROM wanted w JOIN payments_charge c ON c.public_id = w.charge
    WHERE c.receipt_email <> ''
    ON CONFLICT (object_id, kind) DO NOTHING
    RETURNING id
), unfinished AS (
    -- Of a mode that has more, the last position is looked at again: its events may have been cut in two.
    SELECT setting_id, max(position) AS position FROM event GROUP BY setting_id, livemode
    HAVING count(*) >= %(most)s
), remembered AS (
    UPDATE receipts_setting s
    SET position = greatest(s.position, coalesce(
        (SELECT min(u.position) FROM unfinished u WHERE u.setting_id = s.id), mark.position
    ))
    FROM setting, mark
    WHERE s.id = setting.id
)
SELECT count(*) AS receipts FROM made
