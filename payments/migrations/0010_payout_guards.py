"""The rules of payouts as PostgreSQL keeps them, whoever writes."""

from importlib import import_module

from django.db import migrations

from core.append_only import columns_stay, forward_only, trigger_function

LEAN = import_module("payments.migrations.0007_lean_guards")
WHOLE_LIFE = import_module("payments.migrations.0006_whole_life_guards")

OWNED = ("public_id", "merchant_id", "livemode", "created_at")
MONEY = (*OWNED, "amount_minor", "currency")
ENDED = ("succeeded", "declined", "not_done", "action_required")

TOLD_BEFORE = [
    str(rule.sql)
    for rule in LEAN.Migration.operations
    if "payments_operation_born" in str(getattr(rule, "sql", ""))
]
BEFORE = [
    rule
    for rule in WHOLE_LIFE.Migration.operations
    if "payments_operation_forward" in str(getattr(rule, "sql", ""))
]

# An operation of a payout is told of with its payout; any other as before.
OPERATION = [
    trigger_function(
        "payments_operation_born",
        """
        BEGIN
            PERFORM FROM here.payments_timelineentry
                WHERE payment_intent_id = NEW.payment_intent_id AND operation_id = NEW.id
                  AND operation_state = NEW.state AND xid = pg_current_xact_id()
                  AND NEW.payout_id IS NULL AND NEW.kind <> 'payout'
                  AND EXISTS (SELECT FROM here.payments_charge WHERE id = NEW.charge_id
                    AND payment_intent_id = NEW.payment_intent_id AND merchant_id = NEW.merchant_id AND livemode = NEW.livemode);
            IF FOUND THEN
                RETURN NULL;
            END IF;
            IF NEW.payout_id IS NOT NULL THEN
                PERFORM FROM here.payments_timelineentry
                    WHERE payout_id = NEW.payout_id AND operation_id = NEW.id
                      AND operation_state = NEW.state AND xid = pg_current_xact_id();
            ELSE
                PERFORM FROM here.payments_timelineentry
                    WHERE payment_intent_id = NEW.payment_intent_id AND operation_id = NEW.id
                      AND operation_state = NEW.state AND xid = pg_current_xact_id();
            END IF;
            IF NOT FOUND THEN
                RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            IF NEW.payout_id IS NOT NULL THEN
                PERFORM FROM here.payments_payout WHERE id = NEW.payout_id AND merchant_id = NEW.merchant_id AND livemode = NEW.livemode
                    AND NEW.kind = 'payout' AND NEW.charge_id IS NULL AND NEW.payment_intent_id IS NULL
                    AND NEW.refund_id IS NULL;
                IF FOUND THEN
                    RETURN NULL;
                END IF;
            END IF;
            RAISE EXCEPTION '% % belongs to what is not there', TG_TABLE_NAME, NEW.id
                USING ERRCODE = 'foreign_key_violation';
        END
        """,
    ),
    trigger_function(
        "payments_operation_moved",
        """
        BEGIN
            IF NEW.payout_id IS NOT NULL THEN
                PERFORM FROM here.payments_timelineentry
                    WHERE payout_id = NEW.payout_id AND operation_id = NEW.id
                      AND operation_state = NEW.state AND xid = pg_current_xact_id();
            ELSE
                PERFORM FROM here.payments_timelineentry
                    WHERE payment_intent_id = NEW.payment_intent_id AND operation_id = NEW.id
                      AND operation_state = NEW.state AND xid = pg_current_xact_id();
            END IF;
            IF NOT FOUND AND NEW.state <> OLD.state THEN
                RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
]

# A timeline row is of a payment or of a payout, and its operation is of the same.
TIMELINE = [
    trigger_function(
        "payments_timelineentry_born",
        """
        BEGIN
            PERFORM FROM here.payments_operation WHERE id = NEW.operation_id
                AND charge_id = NEW.charge_id AND payment_intent_id = NEW.payment_intent_id
                AND NEW.payout_id IS NULL;
            IF FOUND THEN
                RETURN NULL;
            END IF;
            IF NEW.payout_id IS NOT NULL THEN
                PERFORM FROM here.payments_payout WHERE id = NEW.payout_id AND merchant_id = NEW.merchant_id AND livemode = NEW.livemode
                    AND NEW.payment_intent_id IS NULL AND NEW.charge_id IS NULL AND NEW.refund_id IS NULL
                    AND (NEW.operation_id IS NULL OR EXISTS (SELECT FROM here.payments_operation o
                        WHERE o.id = NEW.operation_id AND o.payout_id = NEW.payout_id));
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'timeline row % tells of what is not there: payout %, operation %',
                        NEW.id, NEW.payout_id, NEW.operation_id USING ERRCODE = 'foreign_key_violation';
                END IF;
                RETURN NULL;
            END IF;
            IF NOT EXISTS (SELECT FROM here.payments_paymentintent WHERE id = NEW.payment_intent_id)
                OR NEW.charge_id IS NOT NULL
                    AND NOT EXISTS (SELECT FROM here.payments_charge WHERE id = NEW.charge_id)
                OR NEW.operation_id IS NOT NULL
                    AND NOT EXISTS (SELECT FROM here.payments_operation WHERE id = NEW.operation_id) THEN
                RAISE EXCEPTION 'timeline row % tells of what is not there: intent %, charge %, operation %',
                    NEW.id, NEW.payment_intent_id, NEW.charge_id, NEW.operation_id
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
]

# A payout goes to an account of its merchant, mode and currency, and is backed by what left the merchant's
# available money with it. How far that may go is the ledger's limit, which must be there: whoever books a payout
# waits for whoever else books one of the same account.
PAYOUT = [
    trigger_function(
        "payments_payout_born",
        """
        DECLARE
            booked bigint;
        BEGIN
            PERFORM FROM here.payments_timelineentry WHERE payout_id = NEW.id
                AND payout_state = NEW.state AND xid = pg_current_xact_id();
            IF NOT FOUND THEN
                RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            PERFORM FROM here.payments_bankaccount WHERE id = NEW.bank_account_id AND merchant_id = NEW.merchant_id AND livemode = NEW.livemode
                AND currency = NEW.currency;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'payout % goes to what is not an account of its merchant', NEW.public_id
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            SELECT entry.account_id INTO booked FROM here.payments_operation operation
                JOIN here.ledger_transaction t ON t.reference = operation.public_id || ':start'
                JOIN here.ledger_entry entry ON entry.transaction_id = t.id
                JOIN here.ledger_account account ON account.id = entry.account_id
                WHERE operation.payout_id = NEW.id AND t.kind = 'payout_started' AND t.merchant_id = NEW.merchant_id
                    AND t.livemode = NEW.livemode AND entry.currency = NEW.currency
                    AND entry.amount_minor = NEW.amount_minor AND account.merchant_id = NEW.merchant_id
                    AND account.address LIKE '%:available';
            IF NOT FOUND OR here.ledger_limit_of(booked, 'payout_started') IS DISTINCT FROM 0 THEN
                RAISE EXCEPTION 'payout % of % is not booked against what its merchant has', NEW.public_id,
                    NEW.amount_minor USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
    trigger_function(
        "payments_payout_moved",
        """
        BEGIN
            PERFORM FROM here.payments_timelineentry WHERE payout_id = NEW.id
                AND payout_state = NEW.state AND xid = pg_current_xact_id();
            IF NOT FOUND AND NEW.state <> OLD.state THEN
                RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
    """
    CREATE CONSTRAINT TRIGGER backed AFTER INSERT ON payments_payout
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_payout_born();
    CREATE CONSTRAINT TRIGGER moved_in_timeline AFTER UPDATE OF state ON payments_payout
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_payout_moved();
    """,
]
UNDO_PAYOUT = """
DROP TRIGGER moved_in_timeline ON payments_payout;
DROP TRIGGER backed ON payments_payout;
DROP FUNCTION payments_payout_moved();
DROP FUNCTION payments_payout_born();
"""

# One bounded operation for each payout, of what it is about.
BOUND = """
CREATE FUNCTION payments_bound_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM payments_payout WHERE id = NEW.payout_id AND amount_minor = NEW.amount_minor
        AND currency = NEW.currency AND processor = NEW.processor AND state = 'pending';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a payout of % does not fit payout %', NEW.amount_minor, NEW.payout_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER bounded ON payments_operation;
CREATE TRIGGER bounded BEFORE INSERT ON payments_operation FOR EACH ROW
    WHEN (NEW.kind NOT IN ('sale', 'authorize', 'payout')) EXECUTE FUNCTION payments_bound_operation();
CREATE TRIGGER bounded_payout BEFORE INSERT ON payments_operation FOR EACH ROW
    WHEN (NEW.payout_id IS NOT NULL) EXECUTE FUNCTION payments_bound_payout();
"""
UNDO_BOUND = """
DROP TRIGGER bounded_payout ON payments_operation;
DROP TRIGGER bounded ON payments_operation;
CREATE TRIGGER bounded BEFORE INSERT ON payments_operation FOR EACH ROW
    WHEN (NEW.kind NOT IN ('sale', 'authorize')) EXECUTE FUNCTION payments_bound_operation();
DROP FUNCTION payments_bound_payout();
"""

PAID_ONCE = """
CREATE TRIGGER paid_once BEFORE UPDATE OF payout_id ON payments_balancetransaction FOR EACH ROW
    WHEN (OLD.payout_id IS NOT NULL AND OLD.payout_id IS DISTINCT FROM NEW.payout_id)
    EXECUTE FUNCTION core_refuse_change();
"""

ACCOUNT = (*OWNED, "holder", "country", "currency", "bank_name", "routing_number", "account_number")


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_payouts"), ("ledger", "0004_limits")]
    operations = [
        *(rule.again() for rule in BEFORE),
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
                "payout_id",
                "processor",
                "cause",
                "shows",
            ),
        ),
        forward_only(
            "payments_payout",
            births=["pending"],
            moves=[
                ("pending", "in_transit"),
                ("pending", "paid"),
                ("pending", "failed"),
                ("pending", "canceled"),
                ("in_transit", "paid"),
                ("in_transit", "failed"),
                ("paid", "failed"),
            ],
            frozen=(*MONEY, "bank_account_id", "processor", "balance_transaction", "scheduled_on"),
        ),
        migrations.RunSQL(OPERATION, TOLD_BEFORE),
        migrations.RunSQL(TIMELINE, LEAN.OF_A_PAYMENT[0]),
        migrations.RunSQL(PAYOUT, UNDO_PAYOUT),
        migrations.RunSQL(BOUND, UNDO_BOUND),
        migrations.RunSQL(PAID_ONCE, "DROP TRIGGER paid_once ON payments_balancetransaction;"),
        migrations.RunSQL(
            columns_stay("payments_bankaccount", ACCOUNT), "DROP TRIGGER frozen ON payments_bankaccount;"
        ),
    ]
