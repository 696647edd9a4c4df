-- What was booked for one merchant in one month, by kind and currency: the number of transactions and what they
-- brought the merchant and us, credits minus debits; and beside it what was ours of it, by the fees' account. Sealed transactions are found by the hours in which their
-- accounts moved, the others by what no seal covers: the cost is the month's, never the history's.
WITH mark AS MATERIALIZED (SELECT * FROM ledger_mark()),
moved AS MATERIALIZED (
    SELECT account.id, min(hour.first_entry_id) AS first_id, max(hour.last_entry_id) AS last_id
    FROM ledger_account account JOIN ledger_hour hour ON hour.account_id = account.id
    WHERE account.merchant_id = %(merchant)s AND account.livemode = %(livemode)s
        AND hour.hour >= %(since)s AND hour.hour < %(until)s
    GROUP BY account.id
), booked AS MATERIALIZED (
    SELECT t.id, t.kind
    FROM moved JOIN ledger_entry e ON e.account_id = moved.id AND e.id BETWEEN moved.first_id AND moved.last_id
    JOIN ledger_transaction t ON t.id = e.transaction_id
    WHERE t.booked_at >= %(since)s AND t.booked_at < %(until)s
    UNION
    SELECT t.id, t.kind FROM ledger_transaction t
    WHERE t.xid >= (SELECT watermark FROM mark) AND t.id > (SELECT base_id FROM mark)
        AND t.merchant_id = %(merchant)s AND t.livemode = %(livemode)s
        AND t.booked_at >= %(since)s AND t.booked_at < %(until)s
    UNION
    SELECT t.id, t.kind FROM ledger_transaction t
    WHERE (SELECT watermark FROM mark) IS NULL
        AND t.merchant_id = %(merchant)s AND t.livemode = %(livemode)s
        AND t.booked_at >= %(since)s AND t.booked_at < %(until)s
), lines AS (
    SELECT booked.id, booked.kind, e.currency, e.amount_minor,
        CASE WHEN account.merchant_id IS NULL THEN account.address ELSE '' END AS fee
    FROM booked JOIN ledger_entry e ON e.transaction_id = booked.id
    JOIN ledger_account account ON account.id = e.account_id
    WHERE (account.merchant_id = %(merchant)s AND account.address NOT LIKE '%%:unconfirmed')
        OR account.address LIKE 'fees:%%'
)
SELECT kind, currency, CASE GROUPING(fee) WHEN 1 THEN '' ELSE fee END, count(DISTINCT id), -sum(amount_minor)::bigint
FROM lines GROUP BY GROUPING SETS ((kind, currency), (kind, currency, fee))
HAVING GROUPING(fee) = 1 OR fee <> '' ORDER BY currency, kind, 3
