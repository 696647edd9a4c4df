"""The rules of disputes as PostgreSQL keeps them, whoever writes; and no refund of money that is disputed."""

from importlib import import_module

from django.db import migrations

from core.append_only import forward_only, trigger_function

FIRST = import_module("payments.migrations.0002_guards")
WHOLE_LIFE = import_module("payments.migrations.0006_whole_life_guards")
LEAN = import_module("payments.migrations.0007_lean_guards")

ANSWERED = [("warning_needs_response", "warning_under_review"), ("needs_response", "under_review")]
INQUIRY = ("warning_needs_response", "warning_under_review")

# A dispute is its charge's, which was captured; what was booked for it stays; and every change of its state waits
# for the charge's lock, as every refund does, so that of two at once one sees the other.
FITS = [
    trigger_function(
        "payments_dispute_fits",
        """
        DECLARE
            charge payments_charge%ROWTYPE;
        BEGIN
            SELECT * INTO charge FROM here.payments_charge WHERE id = NEW.charge_id FOR NO KEY UPDATE;
            IF charge.id IS NULL OR charge.captured_minor IS NULL OR charge.currency <> NEW.currency
                OR charge.merchant_id <> NEW.merchant_id OR charge.livemode <> NEW.livemode
                OR charge.payment_intent_id <> NEW.payment_intent_id
                OR charge.processor <> NEW.processor THEN
                RAISE EXCEPTION 'a dispute of charge % must be of captured money, and have its merchant, mode, '
                    'intent, currency and processor', NEW.charge_id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    trigger_function(
        "payments_dispute_said_once",
        """
        BEGIN
            IF OLD.balance_transaction IS NOT NULL AND (OLD.balance_transaction, OLD.fee_minor)
                    IS DISTINCT FROM (NEW.balance_transaction, NEW.fee_minor)
                OR OLD.reversal_balance_transaction IS NOT NULL
                    AND OLD.reversal_balance_transaction IS DISTINCT FROM NEW.reversal_balance_transaction THEN
                RAISE EXCEPTION 'what was booked for dispute % stays', OLD.public_id
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    trigger_function(
        "payments_dispute_marks_charge",
        """
        BEGIN
            UPDATE here.payments_charge SET disputed = true WHERE id = NEW.charge_id AND NOT disputed;
            RETURN NULL;
        END
        """,
    ),
    trigger_function(
        "payments_charge_stays_disputed",
        """
        BEGIN
            IF NEW.disputed <> EXISTS (SELECT FROM here.payments_dispute WHERE charge_id = NEW.id) THEN
                RAISE EXCEPTION 'charge % is disputed exactly when there is a dispute of it', NEW.public_id
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    """
    CREATE TRIGGER fits BEFORE INSERT OR UPDATE OF state ON payments_dispute
        FOR EACH ROW EXECUTE FUNCTION payments_dispute_fits();
    CREATE TRIGGER marks_charge AFTER INSERT ON payments_dispute
        FOR EACH ROW EXECUTE FUNCTION payments_dispute_marks_charge();
    CREATE TRIGGER said_once BEFORE UPDATE OF balance_transaction, fee_minor, reversal_balance_transaction
        ON payments_dispute FOR EACH ROW EXECUTE FUNCTION payments_dispute_said_once();
    CREATE TRIGGER disputed_by_disputes BEFORE UPDATE OF disputed ON payments_charge FOR EACH ROW
        WHEN (OLD.disputed <> NEW.disputed) EXECUTE FUNCTION payments_charge_stays_disputed();
    """,
]
UNDO_FITS = """
DROP TRIGGER disputed_by_disputes ON payments_charge;
DROP TRIGGER said_once ON payments_dispute;
DROP TRIGGER marks_charge ON payments_dispute;
DROP TRIGGER fits ON payments_dispute;
DROP FUNCTION payments_charge_stays_disputed();
DROP FUNCTION payments_dispute_marks_charge();
DROP FUNCTION payments_dispute_said_once();
DROP FUNCTION payments_dispute_fits();
"""

# Under the lock that `bounded` takes for the same row: its name sorts after that one's, so it runs behind it.
REFUNDS = [
    trigger_function(
        "payments_refund_undisputed",
        """
        BEGIN
            PERFORM FROM here.payments_charge WHERE id = NEW.charge_id FOR NO KEY UPDATE;
            PERFORM FROM here.payments_dispute WHERE charge_id = NEW.charge_id
                AND state IN ('needs_response', 'under_review', 'lost');
            IF FOUND THEN
                RAISE EXCEPTION 'charge % is disputed: nothing of it can be refunded', NEW.charge_id
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    """
    CREATE TRIGGER bounded_by_disputes BEFORE INSERT ON payments_refund
        FOR EACH ROW EXECUTE FUNCTION payments_refund_undisputed();
    """,
]
UNDO_REFUNDS = """
DROP TRIGGER bounded_by_disputes ON payments_refund;
DROP FUNCTION payments_refund_undisputed();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0011_disputes")]
    operations = [
        forward_only(
            "payments_dispute",
            births=["warning_needs_response", "needs_response"],
            moves=[
                *ANSWERED,
                *((state, "warning_closed") for state in INQUIRY),
                *((state, "needs_response") for state in INQUIRY),
                ("under_review", "won"),
                ("under_review", "lost"),
                ("needs_response", "lost"),
            ],
            frozen=(
                *WHOLE_LIFE.MONEY,
                "payment_intent_id",
                "charge_id",
                "processor",
                "processor_id",
                "reason",
            ),
        ),
        migrations.RunSQL(FITS, UNDO_FITS),
        # The second one replaces the first one's triggers, and brings them back when it is undone.
        FIRST.told_by_timeline("payments_dispute"),
        LEAN.told_by_timeline(
            "payments_dispute",
            row="payment_intent_id = NEW.payment_intent_id AND dispute_id = NEW.id",
            state="dispute_state",
            parent=f"""SELECT FROM here.payments_charge WHERE id = NEW.charge_id
                AND payment_intent_id = NEW.payment_intent_id AND {LEAN.OWNED}""",
        ),
        migrations.RunSQL(REFUNDS, UNDO_REFUNDS),
    ]
