-- What a merchant has seen of a card and of an email, each by its index and bounded. An empty text is nobody's.
WITH of_card AS (
    SELECT state, disputed FROM payments_charge
    WHERE card_fingerprint = %(fingerprint)s AND card_fingerprint <> ''
      AND merchant_id = %(merchant_id)s AND livemode = %(livemode)s
    ORDER BY id DESC LIMIT %(at_most)s
), of_email AS (
    SELECT state, disputed FROM payments_charge
    WHERE lower(receipt_email) = %(email)s AND receipt_email <> ''
      AND merchant_id = %(merchant_id)s AND livemode = %(livemode)s
    ORDER BY id DESC LIMIT %(at_most)s
), first AS (
    SELECT created_at FROM payments_charge
    WHERE lower(receipt_email) = %(email)s AND receipt_email <> ''
      AND merchant_id = %(merchant_id)s AND livemode = %(livemode)s
    ORDER BY id LIMIT 1
)
SELECT (SELECT count(*) FROM of_card WHERE state = 'captured') AS card_payments,
       (SELECT count(*) FROM of_card WHERE disputed) AS card_disputes,
       (SELECT count(*) FROM of_email WHERE state = 'captured') AS email_payments,
       (SELECT count(*) FROM of_email WHERE disputed) AS email_disputes,
       (SELECT created_at FROM first) AS first_seen
