-- Phase 1 of a charge in one round trip and one transaction: the claim on the client's key, the intent, the
-- charge, the operation, the ledger's hold and the timeline. No row at all when the key is taken already. What is
-- written later reads from one row where it can: PostgreSQL sets up each join anew for every charge.
WITH claim AS (
    INSERT INTO idempotency_claim
        (merchant_id, livemode, key, fingerprint, owner, lease_until, operation, request_id)
    VALUES (%(merchant_id)s, %(livemode)s, %(key)s, %(fingerprint)s, %(owner)s,
            now() + %(lease_seconds)s * interval '1 second', %(operation)s, %(request_id)s)
    ON CONFLICT (merchant_id, livemode, key) DO NOTHING
    RETURNING id
), intent AS (
    INSERT INTO payments_paymentintent
        (public_id, merchant_id, livemode, state, amount_minor, currency, implicit, capture_method,
         order_reference, order_held, description, metadata)
    SELECT %(intent)s, %(merchant_id)s, %(livemode)s, %(intent_state)s, %(amount_minor)s, %(currency)s,
           true, %(capture_method)s, %(order_reference)s, %(order_held)s, %(description)s, %(metadata)s::jsonb
    FROM claim
    RETURNING id
), decision AS (
    INSERT INTO risk_decision
        (merchant_id, livemode, charge, payment_intent, once, facts, results, lists, score, model, engine, verdict,
         effective, enforced, level, rule, reason, fault, on_fault, took_microseconds)
    SELECT %(merchant_id)s, %(livemode)s, %(charge)s, %(intent)s, %(once)s, %(facts)s::jsonb, %(results)s::jsonb,
           %(lists)s::jsonb, %(score)s, %(model)s, %(engine)s, %(verdict)s, %(effective)s, %(enforced)s,
           %(risk_level)s, %(rule)s, %(risk_reason)s, %(fault)s, %(on_fault)s, %(took_microseconds)s
    FROM claim
    RETURNING id
), charge AS (
    INSERT INTO payments_charge
        (public_id, merchant_id, livemode, payment_intent_id, decision_id, state, amount_minor, currency, processor,
         fee_plan_id, source, payment_method, card_brand, card_last4, card_exp_month, card_exp_year, card_fingerprint,
         card_funding, card_country, card_checks, billing_details, description, metadata, receipt_email,
         statement_descriptor, statement_descriptor_suffix)
    SELECT %(charge)s, %(merchant_id)s, %(livemode)s, intent.id, decision.id, %(charge_state)s, %(amount_minor)s,
           %(currency)s, %(processor)s, %(fee_plan_id)s, %(source)s, %(payment_method)s, %(card_brand)s, %(card_last4)s,
           %(card_exp_month)s, %(card_exp_year)s, %(card_fingerprint)s, %(card_funding)s, %(card_country)s,
           %(card_checks)s::jsonb, %(billing_details)s::jsonb, %(description)s, %(metadata)s::jsonb,
           %(receipt_email)s, %(statement_descriptor)s, %(statement_descriptor_suffix)s
    FROM intent, decision
    RETURNING id, payment_intent_id
), operation AS (
    INSERT INTO payments_operation
        (public_id, merchant_id, livemode, kind, payment_intent_id, charge_id, state, amount_minor, currency,
         processor, deadline_at, next_attempt_at, claim_id, request_id, idempotency_key, actor)
    SELECT %(operation)s, %(merchant_id)s, %(livemode)s, %(kind)s, charge.payment_intent_id, charge.id,
           %(operation_state)s, %(amount_minor)s, %(currency)s, %(processor)s,
           now() + %(timeout_seconds)s * interval '1 second',
           now() + %(first_look_seconds)s * interval '1 second',
           claim.id, %(request_id)s, %(key)s, %(actor)s
    FROM claim, charge
    RETURNING id, claim_id, payment_intent_id, charge_id, created_at, deadline_at, next_attempt_at
), header AS (
    INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id, occurred_at)
    SELECT %(start_reference)s, 'sale_started', %(livemode)s, %(merchant_id)s, now()
    FROM operation
    RETURNING id
), entries AS (
    INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
    SELECT header.id, line.account, %(currency)s, line.amount
    FROM header, unnest(%(line_accounts)s::bigint[], %(line_amounts)s::bigint[]) AS line (account, amount)
), timeline AS (
    INSERT INTO payments_timelineentry
        (payment_intent_id, merchant_id, livemode, kind, actor, reason, request_id, charge_id, operation_id,
         intent_state, charge_state, operation_state)
    SELECT payment_intent_id, %(merchant_id)s, %(livemode)s, 'charge.started', %(actor)s, %(routing_reason)s,
           %(request_id)s, charge_id, id, %(intent_state)s, %(charge_state)s, %(operation_state)s
    FROM operation
)
SELECT claim_id, payment_intent_id AS intent_id, charge_id, id AS operation_id, created_at, deadline_at,
       next_attempt_at, (SELECT id FROM decision) AS decision_id
FROM operation
