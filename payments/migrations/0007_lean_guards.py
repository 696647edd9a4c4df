"""The same rules of payments, for less. The rows of a payment know each other through their timeline: a row that
is born names its timeline row and its parent, the timeline row names its operation. Foreign keys would check that
again and lock, for every charge, its merchant and each other row once more. All of these rows stay and keep their
ids and their parents, so a look at the birth is enough."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from core.append_only import Rule, reworded, trigger_function

FIRST = import_module("payments.migrations.0002_guards")
WHOLE_LIFE = import_module("payments.migrations.0006_whole_life_guards")


def told_by_timeline(table: str, *, row: str, state: str, parent: str) -> migrations.RunSQL:
    """Each birth and each move of `state` has its timeline row in the same transaction, and what is born has its
    parent. Deferred to the commit: a phase writes its rows in the order that suits it."""
    told = f"""
        PERFORM FROM here.payments_timelineentry
            WHERE {row} AND {state} = NEW.state AND xid = pg_current_xact_id()"""
    untold = """
        RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
            USING ERRCODE = 'check_violation';"""
    born = f"""
        BEGIN
            {told} AND EXISTS ({parent});
            IF FOUND THEN
                RETURN NULL;
            END IF;
            {told};
            IF FOUND THEN
                RAISE EXCEPTION '% % belongs to what is not there', TG_TABLE_NAME, NEW.id
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            {untold}
        END
        """
    moved = f"""
        BEGIN
            {told};
            IF FOUND OR NEW.state = OLD.state THEN
                RETURN NULL;
            END IF;
            {untold}
        END
        """
    drop = f"DROP TRIGGER moved_in_timeline ON {table}; DROP TRIGGER born_in_timeline ON {table};"
    return migrations.RunSQL(
        f"""
        {trigger_function(f"{table}_born", born)}
        {trigger_function(f"{table}_moved", moved)}
        {drop}
        CREATE CONSTRAINT TRIGGER born_in_timeline AFTER INSERT ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {table}_born();
        CREATE CONSTRAINT TRIGGER moved_in_timeline AFTER UPDATE OF state ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {table}_moved();
        """,
        f"""
        {drop}
        {FIRST.told_by_timeline(table).sql}
        DROP FUNCTION {table}_moved();
        DROP FUNCTION {table}_born();
        """,
    )


OWNED = "merchant_id = NEW.merchant_id AND livemode = NEW.livemode"

# Nearly every timeline row is of an operation, which knows the rest.
OF_A_PAYMENT = [
    trigger_function(
        "payments_timelineentry_born",
        """
        BEGIN
            PERFORM FROM here.payments_operation WHERE id = NEW.operation_id
                AND charge_id = NEW.charge_id AND payment_intent_id = NEW.payment_intent_id;
            IF FOUND THEN
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
    """
    CREATE CONSTRAINT TRIGGER of_a_payment AFTER INSERT ON payments_timelineentry
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_timelineentry_born();
    """,
]
UNDO_OF_A_PAYMENT = """
DROP TRIGGER of_a_payment ON payments_timelineentry;
DROP FUNCTION payments_timelineentry_born();
"""

# What was captured, what it cost, and until when it was held.
SAID_ONCE = [
    trigger_function(
        "payments_charge_said_once",
        """
        BEGIN
            IF OLD.captured_minor IS NOT NULL
                    AND (OLD.captured_minor, OLD.fee_minor, OLD.balance_transaction)
                        IS DISTINCT FROM (NEW.captured_minor, NEW.fee_minor, NEW.balance_transaction)
                OR OLD.capture_before IS NOT NULL
                    AND OLD.capture_before IS DISTINCT FROM NEW.capture_before THEN
                RAISE EXCEPTION 'what was said of charge % when it was held or captured stays', OLD.public_id
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    """
    DROP TRIGGER captured_once ON payments_charge;
    DROP TRIGGER held_once ON payments_charge;
    CREATE TRIGGER said_once BEFORE UPDATE OF captured_minor, fee_minor, balance_transaction, capture_before
        ON payments_charge FOR EACH ROW
        WHEN (OLD.captured_minor IS NOT NULL OR OLD.capture_before IS NOT NULL)
        EXECUTE FUNCTION payments_charge_said_once();
    """,
]
UNDO_SAID_ONCE = f"""
DROP TRIGGER said_once ON payments_charge;
DROP FUNCTION payments_charge_said_once();
{FIRST.CAPTURED_ONCE}
{WHOLE_LIFE.HELD_ONCE}
"""

REWORDED = [
    reworded(
        "payments_paymentintent",
        "binding_intents_hold_their_order",
        was="""(order_held IS NULL AND order_reference = '')
            OR (NOT (order_reference = '')
                AND ((order_held IS NOT NULL AND order_held = order_reference AND state IN (
                        'processing', 'requires_action', 'requires_capture', 'succeeded'))
                    OR (NOT (state IN ('processing', 'requires_action', 'requires_capture', 'succeeded'))
                        AND order_held IS NULL)))""",
        now="""order_held IS NOT DISTINCT FROM CASE
            WHEN state = ANY ('{processing,requires_action,requires_capture,succeeded}'::text[])
            THEN nullif(order_reference, '') END""",
    ),
    reworded(
        "payments_charge",
        "captured_is_at_most_authorized",
        was="captured_minor IS NULL OR (captured_minor > 0 AND captured_minor <= amount_minor)",
        now="captured_minor > 0 AND captured_minor <= amount_minor",
    ),
    reworded(
        "payments_charge",
        "captured_charges_say_how_much",
        was="""(captured_minor IS NOT NULL AND state = 'captured')
            OR (NOT (state = 'captured') AND captured_minor IS NULL)""",
        now="(captured_minor IS NOT NULL) = (state = 'captured')",
    ),
    reworded(
        "payments_charge",
        "waiting_charges_only_are_looked_after",
        was="next_look_at IS NULL OR state IN ('requires_action', 'authorized')",
        now="next_look_at IS NULL OR state = ANY ('{requires_action,authorized}'::text[])",
    ),
    # Other states than these two and the four that have ended are refused by `state_forward`.
    reworded(
        "payments_operation",
        "open_operations_have_a_next_attempt",
        was="""(next_attempt_at IS NOT NULL AND state IN ('processing', 'unknown'))
            OR (next_attempt_at IS NULL
                AND state IN ('action_required', 'succeeded', 'declined', 'not_done'))""",
        now="(next_attempt_at IS NOT NULL) = (state = ANY ('{processing,unknown}'::text[]))",
    ),
]


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0006_whole_life_guards"),
        # The merchant's id stays from there on.
        ("ledger", "0003_lean_guards"),
    ]
    operations = [
        *(rule.again() for rule in WHOLE_LIFE.Migration.operations if isinstance(rule, Rule)),
        told_by_timeline(
            "payments_paymentintent",
            row="payment_intent_id = NEW.id",
            state="intent_state",
            parent="SELECT FROM here.merchants_merchant WHERE id = NEW.merchant_id",
        ),
        told_by_timeline(
            "payments_charge",
            row="payment_intent_id = NEW.payment_intent_id AND charge_id = NEW.id",
            state="charge_state",
            parent=f"SELECT FROM here.payments_paymentintent WHERE id = NEW.payment_intent_id AND {OWNED}",
        ),
        told_by_timeline(
            "payments_operation",
            row="payment_intent_id = NEW.payment_intent_id AND operation_id = NEW.id",
            state="operation_state",
            parent=f"""SELECT FROM here.payments_charge WHERE id = NEW.charge_id
                AND payment_intent_id = NEW.payment_intent_id AND {OWNED}""",
        ),
        migrations.RunSQL(OF_A_PAYMENT, UNDO_OF_A_PAYMENT),
        migrations.RunSQL(SAID_ONCE, UNDO_SAID_ONCE),
        *REWORDED,
        migrations.AlterField(
            model_name="paymentintent",
            name="merchant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="merchants.merchant",
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="payment_intent",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="charges",
                to="payments.paymentintent",
            ),
        ),
        migrations.AlterField(
            model_name="operation",
            name="payment_intent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="operations",
                to="payments.paymentintent",
            ),
        ),
        migrations.AlterField(
            model_name="operation",
            name="charge",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="operations",
                to="payments.charge",
            ),
        ),
        migrations.AlterField(
            model_name="timelineentry",
            name="payment_intent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="timeline",
                to="payments.paymentintent",
            ),
        ),
        migrations.AlterField(
            model_name="timelineentry",
            name="charge",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="payments.charge",
            ),
        ),
        migrations.AlterField(
            model_name="timelineentry",
            name="operation",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="payments.operation",
            ),
        ),
    ]
