-- Phase 2 of a fresh charge in one round trip and one transaction: states, booking, balance transaction,
-- timeline, event, and the answer under the client's key. No row at all when the operation was closed by
-- somebody else in the meantime, or its claim was taken over: then nothing is changed.
WITH operation AS (
    UPDATE payments_operation
    SET state = %(operation_state)s, next_attempt_at = NULL, finished_at = now(), answer = %(raw)s::jsonb
    WHERE id = %(operation_id)s AND state = 'processing' AND (attempts = 0 OR NOT %(only_if_first)s)
      AND EXISTS (
        SELECT FROM idempotency_claim
        WHERE id = %(claim_id)s AND answered_at IS NULL AND owner IN (%(owner)s, '')
      )
    RETURNING id
), charge AS (
    UPDATE payments_charge
    SET state = %(charge_state)s, captured_minor = %(captured_minor)s, fee_minor = %(fee_minor)s,
        balance_transaction = %(balance_transaction)s, processor_id = %(processor_id)s,
        authorization_code = %(authorization_code)s, network_transaction_id = %(network_transaction_id)s,
        card_checks = %(card_checks)s::jsonb, capture_before = %(capture_before)s,
        next_look_at = %(next_look_at)s, failure_code = %(failure_code)s,
        decline_code = %(decline_code)s, failure_message = %(failure_message)s
    WHERE id = %(charge_id)s AND EXISTS (SELECT FROM operation)
    RETURNING id
), intent AS (
    UPDATE payments_paymentintent SET state = %(intent_state)s, order_held = %(order_held)s
    WHERE id = %(intent_id)s AND EXISTS (SELECT FROM operation)
), header AS (
    INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id, occurred_at, reverses_id)
    SELECT %(finish_reference)s, %(booking_kind)s, %(livemode)s, %(merchant_id)s, now(),
           CASE WHEN %(reverses_start)s
                THEN (SELECT id FROM ledger_transaction WHERE reference = %(start_reference)s) END
    FROM operation
    RETURNING id
), entries AS (
    INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
    SELECT header.id, line.account, %(currency)s, line.amount
    FROM header, unnest(%(line_accounts)s::bigint[], %(line_amounts)s::bigint[]) AS line (account, amount)
), balance AS (
    INSERT INTO payments_balancetransaction
        (public_id, merchant_id, livemode, type, source, charge_id, state, amount_minor, fee_minor, currency,
         available_on, ledger_reference)
    SELECT %(balance_transaction)s, %(merchant_id)s, %(livemode)s, 'charge', %(charge)s, %(charge_id)s,
           %(balance_state)s, %(captured_minor)s, %(fee_minor)s, %(currency)s, %(available_on)s, %(finish_reference)s
    FROM operation
    WHERE %(balance_transaction)s IS NOT NULL
), timeline AS (
    INSERT INTO payments_timelineentry
        (payment_intent_id, merchant_id, livemode, kind, actor, reason, request_id, charge_id, operation_id,
         intent_state, charge_state, operation_state)
    SELECT %(intent_id)s, %(merchant_id)s, %(livemode)s, %(timeline_kind)s, %(actor)s, %(reason)s,
           %(request_id)s, %(charge_id)s, operation.id, %(intent_state)s, %(charge_state)s,
           %(operation_state)s
    FROM operation
), event AS (
    -- From the charge, once it is locked: an event's number among those of its charge is given under that lock.
    INSERT INTO webhooks_event
        (public_id, merchant_id, livemode, type, object_id, data, request_id, idempotency_key)
    SELECT %(event)s, %(merchant_id)s, %(livemode)s, %(event_type)s, %(charge)s, %(event_data)s::jsonb,
           %(request_id)s, %(key)s
    FROM charge
    RETURNING id
), outbox AS (
    INSERT INTO webhooks_outbox (event_id) SELECT id FROM event
), answered AS (
    UPDATE idempotency_claim
    SET status = %(status)s, body = %(body)s, answered_at = now(), owner = ''
    WHERE id = %(claim_id)s AND answered_at IS NULL AND EXISTS (SELECT FROM operation)
)
SELECT id FROM operation
