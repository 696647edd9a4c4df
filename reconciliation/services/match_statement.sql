-- A statement of our bank account: its credits against what processors have announced as sent, of which one may arrive
-- in several parts, and its debits against what we have paid out.
WITH line AS (
    SELECT l.id, l.number, l.kind, l.reference, l.processor_id, l.currency, l.gross_minor, l.occurred_at,
           announced.source, announced.amount_minor AS announced_minor, announced.currency AS announced_currency,
           row_number() OVER (PARTITION BY l.processor_id, l.reference, l.currency, l.gross_minor
                              ORDER BY l.number) AS nth,
           sum(l.gross_minor) OVER (PARTITION BY l.reference, l.currency ORDER BY l.number) AS so_far_minor
    FROM reconciliation_reportline l
    LEFT JOIN LATERAL (
        SELECT f.source, p.currency, -p.gross_minor AS amount_minor
        FROM reconciliation_reportline p JOIN reconciliation_reportfile f ON f.id = p.file_id
        WHERE p.kind = 'payout' AND p.processor_id = l.reference AND l.reference <> ''
            AND f.livemode = %(livemode)s
        ORDER BY p.currency = l.currency DESC, p.id LIMIT 1
    ) announced ON true
    WHERE l.file_id = %(file)s
), earlier AS (
    -- What of the same announcement other statements have brought, and which of the bank's own ids they had.
    SELECT line.id, coalesce(sum(e.gross_minor), 0) AS brought_minor,
           bool_or(line.processor_id <> '' AND e.processor_id = line.processor_id) AS seen
    FROM line JOIN reconciliation_reportline e
        ON e.reference = line.reference AND e.currency = line.currency AND e.kind IN ('credit', 'debit')
        AND line.reference <> '' AND e.file_id <> %(file)s
    GROUP BY line.id
), typed AS (
    SELECT line.*, coalesce(earlier.brought_minor, 0) + so_far_minor AS brought_minor, CASE
        WHEN source IS NULL THEN 'missing_here'
        WHEN currency <> announced_currency THEN 'currency'
        WHEN earlier.seen OR (nth > 1 AND processor_id <> '') THEN 'duplicate'
        WHEN sign(announced_minor) <> sign(gross_minor) OR
             abs(coalesce(earlier.brought_minor, 0) + so_far_minor) > abs(announced_minor) THEN 'amount'
        ELSE 'matched' END AS result
    FROM line LEFT JOIN earlier USING (id)
), judged AS (
    SELECT typed.*, CASE
            WHEN result = 'matched' THEN gross_minor
            WHEN result = 'amount' AND sign(announced_minor) = sign(gross_minor)
                THEN sign(gross_minor) * greatest(0, abs(gross_minor) - abs(brought_minor) + abs(announced_minor))
            ELSE 0 END::bigint AS owed_minor
    FROM typed
), matched AS (
    INSERT INTO reconciliation_match (line_id, file_id, result, booking_id, settles, owed_minor, fee_minor)
    SELECT id, %(file)s, result, NULL, false, owed_minor, 0 FROM judged
)
SELECT result, id AS line_id, kind, reference, processor_id, currency, gross_minor, 0 AS fee_minor,
       0 AS agreed_fee_minor, occurred_at, NULL AS booking_id, NULL AS booking, announced_minor AS our_minor,
       NULL AS booked_at, owed_minor - gross_minor AS suspense_minor
FROM judged WHERE result <> 'matched'
