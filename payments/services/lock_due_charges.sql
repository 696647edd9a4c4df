-- Locks the charges whose money is due, for whoever makes it available; those that somebody else holds come next time.
SELECT id
FROM payments_charge
WHERE id IN (
    SELECT charge_id
    FROM payments_balancetransaction
    WHERE state <> 'available' AND available_on <= now()
    ORDER BY available_on
    LIMIT %(limit)s
)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
