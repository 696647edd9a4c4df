-- Binds a token to the first reference that uses it, and counts the call. A concurrent second reference waits
-- for this row and then matches nothing. Harmless when repeated: a call counted twice is never given back.
UPDATE vault_card
SET reference = %(reference)s, attempts = attempts + 1, used_at = coalesce(used_at, now())
WHERE public_id = %(token)s AND merchant = %(merchant)s AND livemode = %(livemode)s
  AND shredded_at IS NULL AND (reference IS NULL OR reference = %(reference)s)
RETURNING exp_month, exp_year, cvc_given
