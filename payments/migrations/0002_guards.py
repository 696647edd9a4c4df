"""The rules of payments as PostgreSQL keeps them, whoever writes."""

from django.db import migrations

from core.append_only import analyzed_late, append_only, forward_only

# Deferred to the commit: a phase writes its rows in the order that suits it. One row tells of all the states
# that one moment led to, so each state's own trigger looks for its own column.
TIMELINE = """
CREATE FUNCTION payments_refuse_without_timeline() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told boolean;
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'payments_paymentintent' THEN
            SELECT EXISTS (SELECT FROM payments_timelineentry
                WHERE payment_intent_id = NEW.id AND intent_state = NEW.state
                  AND xid = pg_current_xact_id()) INTO told;
        WHEN 'payments_charge' THEN
            SELECT EXISTS (SELECT FROM payments_timelineentry
                WHERE payment_intent_id = NEW.payment_intent_id AND charge_id = NEW.id
                  AND charge_state = NEW.state AND xid = pg_current_xact_id()) INTO told;
        WHEN 'payments_refund' THEN
            SELECT EXISTS (SELECT FROM payments_timelineentry
                WHERE payment_intent_id = NEW.payment_intent_id AND refund_id = NEW.id
                  AND refund_state = NEW.state AND xid = pg_current_xact_id()) INTO told;
        WHEN 'payments_operation' THEN
            SELECT EXISTS (SELECT FROM payments_timelineentry
                WHERE payment_intent_id = NEW.payment_intent_id AND operation_id = NEW.id
                  AND operation_state = NEW.state AND xid = pg_current_xact_id()) INTO told;
    END CASE;
    IF NOT told THEN
        RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

ALTER TABLE payments_timelineentry ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
"""
UNDO_TIMELINE = """
ALTER TABLE payments_timelineentry DROP COLUMN xid;
DROP FUNCTION payments_refuse_without_timeline();
"""


def told_by_timeline(table: str) -> migrations.RunSQL:
    """Each birth and each move of `state` has its timeline row in the same transaction."""
    return migrations.RunSQL(
        f"""
        CREATE CONSTRAINT TRIGGER born_in_timeline AFTER INSERT ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
            EXECUTE FUNCTION payments_refuse_without_timeline();
        CREATE CONSTRAINT TRIGGER moved_in_timeline AFTER UPDATE ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
            WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION payments_refuse_without_timeline();
        """,
        f"DROP TRIGGER moved_in_timeline ON {table}; DROP TRIGGER born_in_timeline ON {table};",
    )


# The bound on refunds, held where nobody can go around it: the charge is locked first, the sum is a statement
# of its own after that, so it sees every refund that was committed while this one waited.
REFUNDS = """
CREATE FUNCTION payments_bound_refund() RETURNS trigger LANGUAGE plpgsql AS $$
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
    SELECT coalesce(sum(amount_minor), 0) INTO taken
        FROM payments_refund WHERE charge_id = NEW.charge_id AND state <> 'failed';
    IF taken + NEW.amount_minor > coalesce(charge.captured_minor, 0) THEN
        RAISE EXCEPTION 'refund of % exceeds what is left of charge %: captured %, taken by refunds %',
            NEW.amount_minor, charge.public_id, coalesce(charge.captured_minor, 0), taken
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER bounded BEFORE INSERT ON payments_refund
    FOR EACH ROW EXECUTE FUNCTION payments_bound_refund();
"""
UNDO_REFUNDS = """
DROP TRIGGER bounded ON payments_refund;
DROP FUNCTION payments_bound_refund();
"""

# What was captured and what it cost is said once.
CAPTURED_ONCE = """
CREATE TRIGGER captured_once BEFORE UPDATE ON payments_charge FOR EACH ROW
    WHEN (OLD.captured_minor IS NOT NULL
          AND (OLD.captured_minor, OLD.fee_minor, OLD.balance_transaction)
              IS DISTINCT FROM (NEW.captured_minor, NEW.fee_minor, NEW.balance_transaction))
    EXECUTE FUNCTION core_refuse_change();
"""

MONEY = ("public_id", "merchant_id", "livemode", "amount_minor", "currency", "created_at")


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
        ("core", "0001_guards"),
    ]
    operations = [
        migrations.RunSQL(TIMELINE, UNDO_TIMELINE),
        append_only("payments_timelineentry"),
        append_only("payments_balancetransaction"),
        forward_only(
            "payments_paymentintent",
            births=["processing"],
            moves=[
                ("processing", "succeeded"),
                ("processing", "requires_capture"),
                ("processing", "requires_payment_method"),
                ("requires_capture", "succeeded"),
            ],
            frozen=MONEY,
        ),
        forward_only(
            "payments_charge",
            births=["created", "processing"],
            moves=[
                ("created", "processing"),
                ("processing", "authorized"),
                ("processing", "captured"),
                ("processing", "failed"),
                ("authorized", "captured"),
            ],
            frozen=(*MONEY, "payment_intent_id", "processor", "source"),
        ),
        forward_only(
            "payments_refund",
            births=["pending"],
            moves=[("pending", "succeeded"), ("pending", "failed"), ("succeeded", "failed")],
            frozen=(*MONEY, "payment_intent_id", "charge_id"),
        ),
        forward_only(
            "payments_operation",
            births=["processing"],
            moves=[
                ("processing", "unknown"),
                ("processing", "succeeded"),
                ("processing", "declined"),
                ("processing", "not_done"),
                ("unknown", "succeeded"),
                ("unknown", "declined"),
                ("unknown", "not_done"),
            ],
            frozen=(*MONEY, "kind", "payment_intent_id", "charge_id", "refund_id", "processor"),
        ),
        told_by_timeline("payments_paymentintent"),
        told_by_timeline("payments_charge"),
        told_by_timeline("payments_refund"),
        told_by_timeline("payments_operation"),
        analyzed_late(
            "payments_paymentintent",
            "payments_charge",
            "payments_operation",
            "payments_timelineentry",
            "payments_refund",
        ),
        migrations.RunSQL(REFUNDS, UNDO_REFUNDS),
        migrations.RunSQL(CAPTURED_ONCE, "DROP TRIGGER captured_once ON payments_charge;"),
    ]
