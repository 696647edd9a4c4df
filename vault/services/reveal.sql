-- A card with its merchant's key, as they are at one moment, and the row that tells of it: who wants the one writes
-- the other. Written again where it is repeated.
WITH card AS (
    SELECT c.public_id, c.merchant, c.livemode, c.key_version AS early_version, c.wrapped_key, c.number,
           k.key_version, k.wrapped
    FROM vault_card c LEFT JOIN vault_merchantkey k ON k.id = c.merchant_key_id
    WHERE c.public_id = %(token)s AND c.merchant = %(merchant)s AND c.livemode = %(livemode)s
      AND c.shredded_at IS NULL
), told AS (
    INSERT INTO vault_decryption (merchant, livemode, card_public_id, purpose, reference)
    SELECT merchant, livemode, public_id, %(purpose)s, %(reference)s FROM card
)
SELECT early_version, wrapped_key, number, key_version, wrapped FROM card
