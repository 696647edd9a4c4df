-- A statement of our bank account: its credits against what processors have announced as sent, of which one may arrive
-- in several parts, and its debits against the payouts that we had it make. Payouts of the day that it does not show
-- are rows of ours alone, as in match_report.sql.
WITH line AS (
    SELECT l.id, l.number, l.kind, l.reference, l.processor_id, l.currency, l.gross_minor, l.occurred_at,
           announced.source, announced.amount_minor AS announced_minor, announced.currency AS announced_currency,
           payout.id AS payout_id, payout.state AS payout_state, b.id AS booking_id, b.public_id AS booking,
           b.amount_minor AS our_minor, b.currency AS our_currency,
           EXISTS (SELECT FROM ledger_transaction t WHERE t.kind = 'payout_returned'
               AND t.reference IN (o.public_id || ':returned', o.public_id || ':finish')) AS returned,
           EXISTS (SELECT FROM reconciliation_match m JOIN payments_balancetransaction sent ON sent.id = m.booking_id
               WHERE sent.public_id = payout.balance_transaction AND m.settles) AS was_paid,
           EXISTS (SELECT FROM reconciliation_match m WHERE m.booking_id = b.id AND m.settles) AS settled_before,
           row_number() OVER (PARTITION BY l.processor_id, l.reference, l.currency, l.gross_minor
                              ORDER BY l.number) AS nth,
           row_number() OVER (PARTITION BY coalesce(b.id, -l.id) ORDER BY l.number) AS nth_of_booking,
           sum(l.gross_minor) OVER (PARTITION BY l.reference, l.currency ORDER BY l.number) AS so_far_minor
    FROM reconciliation_reportline l
    LEFT JOIN LATERAL (
        SELECT f.source, p.currency, -p.gross_minor AS amount_minor
        FROM reconciliation_reportline p JOIN reconciliation_reportfile f ON f.id = p.file_id
        WHERE p.kind = 'payout' AND p.processor_id = l.reference AND l.reference <> ''
            AND f.livemode = %(livemode)s
        ORDER BY p.currency = l.currency DESC, p.id LIMIT 1
    ) announced ON true
    LEFT JOIN payments_operation o
        ON l.reference <> '' AND o.public_id = l.reference AND o.kind = 'payout' AND o.livemode = %(livemode)s
    LEFT JOIN payments_payout payout ON payout.id = o.payout_id
    LEFT JOIN payments_balancetransaction b ON b.public_id = CASE
        WHEN l.gross_minor < 0 THEN payout.balance_transaction ELSE payout.failure_balance_transaction END
    WHERE l.file_id = %(file)s
), earlier AS (
    -- What of the same announcement other statements have brought, and which of the bank's own ids they had.
    SELECT line.id, coalesce(sum(e.gross_minor), 0) AS brought_minor,
           bool_or(line.processor_id <> '' AND e.processor_id = line.processor_id) AS seen
    FROM line JOIN reconciliation_reportline e
        ON e.reference = line.reference AND e.currency = line.currency AND e.kind IN ('credit', 'debit')
        AND line.reference <> '' AND line.payout_id IS NULL AND e.file_id <> %(file)s
    GROUP BY line.id
), typed AS (
    SELECT line.*, coalesce(earlier.brought_minor, 0) + so_far_minor AS brought_minor, CASE
        WHEN payout_id IS NOT NULL AND (settled_before OR nth_of_booking > 1) THEN 'duplicate'
        -- Paid although it was called back or turned away, or back although it never came to nothing.
        WHEN payout_id IS NOT NULL AND (booking_id IS NULL OR CASE
                WHEN gross_minor < 0 THEN payout_state NOT IN ('pending', 'in_transit', 'paid') AND NOT returned
                ELSE NOT returned AND NOT was_paid END) THEN 'status'
        WHEN currency <> our_currency THEN 'currency'
        WHEN gross_minor <> our_minor THEN 'amount'
        WHEN payout_id IS NOT NULL THEN 'matched'
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
            WHEN result = 'amount' AND payout_id IS NOT NULL THEN our_minor
            WHEN result = 'amount' AND sign(announced_minor) = sign(gross_minor)
                THEN sign(gross_minor) * greatest(0, abs(gross_minor) - abs(brought_minor) + abs(announced_minor))
            ELSE 0 END::bigint AS owed_minor
    FROM typed
), matched AS (
    INSERT INTO reconciliation_match (line_id, file_id, result, booking_id, settles, owed_minor, fee_minor)
    SELECT id, %(file)s, result, booking_id, booking_id IS NOT NULL AND result IN ('matched', 'amount'), owed_minor,
           0
    FROM judged
), ours AS (
    SELECT b.id, b.public_id, b.amount_minor, b.currency, t.booked_at
    FROM ledger_account a
    JOIN ledger_entry e ON e.account_id = a.id
    JOIN ledger_transaction t ON t.id = e.transaction_id
    JOIN payments_operation o ON o.public_id = split_part(t.reference, ':', 1)
    JOIN payments_payout payout ON payout.id = o.payout_id
    JOIN payments_balancetransaction b ON b.public_id = CASE t.kind
        WHEN 'payout_paid' THEN payout.balance_transaction
        WHEN 'payout_returned' THEN payout.failure_balance_transaction END
    WHERE a.address = 'payouts:sent' AND a.livemode = %(livemode)s
      AND t.booked_at >= %(begins)s AND t.booked_at < %(ends)s
      AND NOT EXISTS (SELECT FROM reconciliation_match m WHERE m.booking_id = b.id AND m.settles)
      AND NOT EXISTS (SELECT FROM judged WHERE judged.booking_id = b.id)
)
SELECT result, id AS line_id, kind, reference, processor_id, currency, gross_minor, 0 AS fee_minor,
       0 AS agreed_fee_minor, occurred_at, booking_id, booking, coalesce(our_minor, announced_minor) AS our_minor,
       NULL AS booked_at, owed_minor - gross_minor AS suspense_minor
FROM judged WHERE result <> 'matched'
UNION ALL
SELECT 'missing_there', NULL, NULL, NULL, NULL, currency, NULL, 0, 0, NULL, id, public_id, amount_minor,
       booked_at, NULL
FROM ours
