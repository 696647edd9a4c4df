-- What a processor's report says beside what our books say, in one FULL JOIN: a typed result for each line and for
-- each booking of the day that no line is about. Rows without a number are ours alone; without a booking, theirs.
WITH line AS (
    SELECT l.id, l.number, l.kind, l.processor_id, l.related_id, l.reference, l.currency, l.gross_minor,
           l.fee_minor, l.net_minor, l.status, l.occurred_at, o.state AS operation_state,
           CASE l.kind
               WHEN 'charge' THEN coalesce(own.balance_transaction, late.balance_transaction, paid.balance_transaction)
               WHEN 'refund' THEN coalesce(r.balance_transaction, named.balance_transaction)
               WHEN 'refund_failure' THEN coalesce(r.failure_balance_transaction, named.failure_balance_transaction)
               WHEN 'dispute' THEN dispute.balance_transaction
               WHEN 'dispute_reversal' THEN dispute.reversal_balance_transaction
           END AS booking,
           dispute.id AS dispute_id
    FROM reconciliation_reportline l
    LEFT JOIN payments_operation o
        ON l.reference <> '' AND o.public_id = l.reference AND o.processor = %(source)s
    LEFT JOIN payments_charge own ON own.id = o.charge_id
    LEFT JOIN payments_charge late ON late.late_of_id = o.charge_id AND o.id IS NOT NULL AND own.state = 'failed'
    LEFT JOIN payments_refund r ON r.id = o.refund_id
    -- A report that does not repeat our reference is told by the processor's own, among what is recent.
    LEFT JOIN payments_refund named
        ON l.reference = '' AND l.kind IN ('refund', 'refund_failure') AND named.processor_id = l.processor_id
        AND named.created_at >= %(oldest)s
    LEFT JOIN payments_charge paid
        ON l.reference = '' AND l.kind = 'charge' AND l.related_id <> '' AND paid.processor_id = l.related_id
        AND paid.processor = %(source)s AND paid.created_at >= %(oldest)s
    -- A dispute is told by the processor's own id: no reference of ours began it.
    LEFT JOIN payments_dispute dispute
        ON l.kind IN ('dispute', 'dispute_reversal') AND dispute.processor = %(source)s
        AND dispute.processor_id = l.processor_id
    WHERE l.file_id = %(file)s
), told AS (
    SELECT line.*, row_number() OVER (
               PARTITION BY kind, currency, coalesce(booking, nullif(processor_id, ''), number::text)
               ORDER BY number) AS nth
    FROM line
), ours AS (
    SELECT b.id, b.public_id, b.amount_minor, b.currency, b.created_at
    FROM payments_balancetransaction b
    JOIN payments_charge c ON c.id = b.charge_id
    WHERE b.created_at >= %(begins)s AND b.created_at < %(ends)s AND b.livemode = %(livemode)s
      AND b.type IN ('charge', 'refund', 'refund_failure') AND c.processor = %(source)s
    UNION
    SELECT b.id, b.public_id, b.amount_minor, b.currency, b.created_at
    FROM payments_balancetransaction b
    JOIN payments_dispute d ON d.public_id = b.source
    WHERE b.created_at >= %(begins)s AND b.created_at < %(ends)s AND b.livemode = %(livemode)s
      AND b.type = 'adjustment' AND d.processor = %(source)s
    UNION
    SELECT b.id, b.public_id, b.amount_minor, b.currency, b.created_at
    FROM told JOIN payments_balancetransaction b ON b.public_id = told.booking
), pair AS (
    SELECT told.id AS line_id, told.number, told.kind, told.reference, told.processor_id, told.currency,
           told.gross_minor, told.fee_minor, told.net_minor, told.status, told.occurred_at,
           told.operation_state, told.dispute_id, told.nth,
           ours.id AS booking_id, ours.public_id AS booking, ours.currency AS our_currency,
           ours.amount_minor AS our_minor, ours.created_at AS booked_at,
           settled.line_id IS NOT NULL AS settled_before,
           CASE WHEN told.kind = 'charge' AND %(basis_points)s::integer IS NOT NULL
                THEN (told.gross_minor * %(basis_points)s + 5000) / 10000 + %(fixed_minor)s
                ELSE told.fee_minor END AS agreed_fee_minor
    FROM told
    FULL JOIN ours ON ours.public_id = told.booking
    LEFT JOIN reconciliation_match settled ON settled.booking_id = ours.id AND settled.settles
), typed AS (
    SELECT pair.*, CASE
        WHEN line_id IS NULL THEN 'missing_there'
        WHEN kind IN ('fee', 'payout') THEN 'matched'
        WHEN nth > 1 OR settled_before THEN 'duplicate'
        WHEN booking_id IS NULL AND operation_state IN ('processing', 'unknown') THEN 'timing'
        WHEN booking_id IS NULL AND operation_state IS NULL AND kind IN ('refund', 'refund_failure')
            THEN 'orphan_refund'
        WHEN booking_id IS NULL AND dispute_id IS NULL AND kind IN ('dispute', 'dispute_reversal')
            THEN 'orphan_dispute'
        -- Ours has not come so far: an inquiry that took no money, or a dispute that is not won.
        WHEN booking_id IS NULL AND dispute_id IS NOT NULL THEN 'status'
        WHEN booking_id IS NULL AND operation_state IS NOT NULL THEN 'status'
        WHEN booking_id IS NULL THEN 'missing_here'
        WHEN currency <> our_currency THEN 'currency'
        WHEN status <> 'settled' THEN 'status'
        WHEN gross_minor <> our_minor THEN 'amount'
        WHEN fee_minor <> agreed_fee_minor THEN 'fee'
        ELSE 'matched' END AS result
    FROM pair
    WHERE line_id IS NOT NULL OR NOT settled_before
), judged AS (
    SELECT typed.*,
           CASE WHEN result IN ('matched', 'amount', 'fee') AND booking_id IS NOT NULL THEN our_minor ELSE 0 END
               AS owed_minor,
           CASE WHEN kind = 'fee' THEN -net_minor WHEN result = 'fee' THEN agreed_fee_minor ELSE fee_minor END
               AS booked_fee_minor
    FROM typed
), matched AS (
    INSERT INTO reconciliation_match (line_id, file_id, result, booking_id, settles, owed_minor, fee_minor)
    SELECT line_id, %(file)s, result, booking_id,
           result IN ('matched', 'amount', 'fee', 'status') AND booking_id IS NOT NULL,
           owed_minor, booked_fee_minor
    FROM judged WHERE line_id IS NOT NULL
)
SELECT result, line_id, kind, reference, processor_id, coalesce(currency, our_currency) AS currency, gross_minor,
       fee_minor, agreed_fee_minor, occurred_at, booking_id, booking, our_minor, booked_at,
       owed_minor - net_minor - booked_fee_minor AS suspense_minor
FROM judged WHERE result <> 'matched'
