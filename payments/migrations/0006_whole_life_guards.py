"""The rules of a payment's whole life, as PostgreSQL keeps them."""

from django.db import migrations

from core.append_only import forward_only

# Until now every intent was made by a charge, and its first operation says how it was to be captured.
BEFORE = """
UPDATE payments_paymentintent intent
SET implicit = true, capture_method = CASE WHEN EXISTS (
        SELECT FROM payments_operation WHERE payment_intent_id = intent.id AND kind = 'authorize'
    ) THEN 'manual' ELSE 'automatic' END;
UPDATE payments_charge SET capture_before = created_at + interval '7 days'
WHERE state = 'captured' AND EXISTS (
    SELECT FROM payments_operation WHERE charge_id = payments_charge.id AND kind = 'authorize');
UPDATE payments_charge SET capture_before = created_at + interval '7 days',
                           next_look_at = created_at + interval '7 days'
WHERE state = 'authorized';
"""

# What an intent is about is open until somebody is asked for the money; its order is named once.
TERMS = """
CREATE FUNCTION payments_keep_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.amount_minor, OLD.currency, OLD.capture_method)
            IS DISTINCT FROM (NEW.amount_minor, NEW.currency, NEW.capture_method)
        AND NOT (OLD.state IN ('requires_payment_method', 'requires_confirmation')) THEN
        RAISE EXCEPTION 'the terms of % are fixed: it is %', OLD.public_id, OLD.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.order_reference <> '' AND OLD.order_reference <> NEW.order_reference THEN
        RAISE EXCEPTION '% is for order %', OLD.public_id, OLD.order_reference
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER terms BEFORE UPDATE OF amount_minor, currency, capture_method, order_reference
    ON payments_paymentintent FOR EACH ROW EXECUTE FUNCTION payments_keep_terms();
"""
UNDO_TERMS = """
DROP TRIGGER terms ON payments_paymentintent;
DROP FUNCTION payments_keep_terms();
"""

# The bound on refunds as before; and a refund that voids takes all that is held, once.
REFUNDS = """
CREATE OR REPLACE FUNCTION payments_bound_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    charge payments_charge%ROWTYPE;
    taken bigint;
BEGIN
    SELECT * INTO charge FROM payments_charge WHERE id = NEW.charge_id FOR NO KEY UPDATE;
    IF charge.currency <> NEW.currency OR charge.merchant_id <> NEW.merchant_id
        OR charge.livemode <> NEW.livemode OR charge.payment_intent_id <> NEW.payment_intent_id THEN
        RAISE EXCEPTION 'a refund of charge % must have its merchant, mode, intent and currency',
            charge.public_id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.voids THEN
        IF charge.state <> 'authorized' OR NEW.amount_minor <> charge.amount_minor THEN
            RAISE EXCEPTION 'charge % is %: % of it can not be set free', charge.public_id, charge.state,
                NEW.amount_minor USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT coalesce(sum(amount_minor), 0) INTO taken
        FROM payments_refund WHERE charge_id = NEW.charge_id AND state <> 'failed' AND NOT voids;
    IF taken + NEW.amount_minor > coalesce(charge.captured_minor, 0) THEN
        RAISE EXCEPTION 'refund of % exceeds what is left of charge %: captured %, taken by refunds %',
            NEW.amount_minor, charge.public_id, coalesce(charge.captured_minor, 0), taken
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

# What is asked of a processor fits the charge as it is once nobody else can change it.
OPERATIONS = """
CREATE FUNCTION payments_bound_operation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    charge payments_charge%ROWTYPE;
    fits boolean;
BEGIN
    SELECT * INTO charge FROM payments_charge WHERE id = NEW.charge_id FOR NO KEY UPDATE;
    CASE NEW.kind
        WHEN 'capture' THEN
            fits := charge.state = 'authorized' AND NEW.amount_minor <= charge.amount_minor
                AND charge.capture_before > now();
        WHEN 'void' THEN
            fits := charge.state IN ('authorized', 'requires_action');
        WHEN 'complete' THEN
            fits := charge.state = 'processing' AND NEW.amount_minor = charge.amount_minor;
        WHEN 'refund' THEN
            fits := EXISTS (SELECT FROM payments_refund refund WHERE refund.id = NEW.refund_id
                AND refund.charge_id = charge.id AND refund.amount_minor = NEW.amount_minor);
        ELSE
            fits := false;
    END CASE;
    IF NOT fits OR charge.currency <> NEW.currency OR charge.merchant_id <> NEW.merchant_id
        OR charge.livemode <> NEW.livemode THEN
        RAISE EXCEPTION 'a % of % does not fit charge %, which is % of %', NEW.kind, NEW.amount_minor,
            charge.public_id, charge.state, charge.amount_minor USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- Fresh charges are written together with their operation, whose trigger could not see them yet.
CREATE TRIGGER bounded BEFORE INSERT ON payments_operation FOR EACH ROW
    WHEN (NEW.kind NOT IN ('sale', 'authorize')) EXECUTE FUNCTION payments_bound_operation();
"""
UNDO_OPERATIONS = """
DROP TRIGGER bounded ON payments_operation;
DROP FUNCTION payments_bound_operation();
"""

HELD_ONCE = """
CREATE TRIGGER held_once BEFORE UPDATE OF capture_before ON payments_charge FOR EACH ROW
    WHEN (OLD.capture_before IS NOT NULL AND OLD.capture_before IS DISTINCT FROM NEW.capture_before)
    EXECUTE FUNCTION core_refuse_change();
"""

OWNED = ("public_id", "merchant_id", "livemode", "created_at")
MONEY = (*OWNED, "amount_minor", "currency")
EDITABLE = ("requires_payment_method", "requires_confirmation")
INTENT_MOVES = [
    ("requires_payment_method", "requires_confirmation"),
    ("requires_confirmation", "requires_payment_method"),
    *((state, "processing") for state in (*EDITABLE, "requires_action")),
    ("processing", "requires_action"),
    ("processing", "requires_capture"),
    ("processing", "succeeded"),
    ("processing", "requires_payment_method"),
    ("requires_action", "requires_payment_method"),
    ("requires_capture", "succeeded"),
    *((state, "canceled") for state in (*EDITABLE, "requires_action", "requires_capture")),
]
CHARGE_MOVES = [
    ("created", "processing"),
    ("processing", "requires_action"),
    ("processing", "authorized"),
    ("processing", "captured"),
    ("processing", "failed"),
    ("requires_action", "processing"),
    ("requires_action", "failed"),
    ("requires_action", "voided"),
    ("authorized", "captured"),
    ("authorized", "voided"),
    ("authorized", "expired"),
]
ENDED = ("succeeded", "declined", "not_done", "action_required")


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_whole_life")]
    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        forward_only(
            "payments_paymentintent",
            births=["processing", *EDITABLE],
            moves=INTENT_MOVES,
            frozen=(*OWNED, "implicit"),
        ),
        forward_only(
            "payments_charge",
            births=["created", "processing"],
            moves=CHARGE_MOVES,
            frozen=(*MONEY, "payment_intent_id", "processor", "source", "late_of_id"),
        ),
        forward_only(
            "payments_refund",
            births=["pending"],
            moves=[("pending", "succeeded"), ("pending", "failed"), ("succeeded", "failed")],
            frozen=(*MONEY, "payment_intent_id", "charge_id", "voids"),
        ),
        forward_only(
            "payments_operation",
            births=["processing"],
            moves=[
                ("processing", "unknown"),
                *(("processing", ended) for ended in ENDED),
                *(("unknown", ended) for ended in ENDED),
            ],
            frozen=(
                *MONEY,
                "kind",
                "payment_intent_id",
                "charge_id",
                "refund_id",
                "processor",
                "cause",
                "shows",
            ),
        ),
        migrations.RunSQL(TERMS, UNDO_TERMS),
        migrations.RunSQL(REFUNDS, migrations.RunSQL.noop),
        migrations.RunSQL(OPERATIONS, UNDO_OPERATIONS),
        migrations.RunSQL(HELD_ONCE, "DROP TRIGGER held_once ON payments_charge;"),
    ]
