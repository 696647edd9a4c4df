"""A charge is judged before it is made: it has its decision, and does what was decided, whoever writes."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from core.append_only import Rule, forward_only, trigger_function

WHOLE_LIFE = import_module("payments.migrations.0006_whole_life_guards")
PAYOUTS = import_module("payments.migrations.0010_payout_guards")
LEAN = import_module("payments.migrations.0007_lean_guards")
PLANS = import_module("payments.migrations.0015_fee_plans")

# About this very payment; and what is blocked has failed from the start, as nothing else has. Money that came after
# its attempt's end keeps what was decided about that attempt, or had none.
DECIDED = f"""NEW.late_of_id IS NOT NULL OR EXISTS (
    SELECT FROM here.risk_decision WHERE id = NEW.decision_id AND {LEAN.OWNED}
        AND payment_intent = payments_paymentintent.public_id
        AND (facts #>> '{{payment,amount}}')::bigint = NEW.amount_minor
        AND (effective = 'block') = (NEW.state = 'failed'))"""
# As before; and nobody is asked for what is blocked, nor for money at once that a person must look at first.
ASKED = trigger_function(
    "payments_operation_born",
    """
    BEGIN
        PERFORM FROM here.payments_timelineentry
            WHERE payment_intent_id = NEW.payment_intent_id AND operation_id = NEW.id
              AND operation_state = NEW.state AND xid = pg_current_xact_id()
              AND NEW.payout_id IS NULL AND NEW.kind <> 'payout'
              AND EXISTS (SELECT FROM here.payments_charge charge WHERE charge.id = NEW.charge_id
                AND charge.payment_intent_id = NEW.payment_intent_id
                AND charge.merchant_id = NEW.merchant_id AND charge.livemode = NEW.livemode
                AND (NEW.kind NOT IN ('sale', 'authorize') OR charge.late_of_id IS NOT NULL OR EXISTS (
                    SELECT FROM here.risk_decision decision WHERE decision.id = charge.decision_id
                        AND (decision.effective IN ('allow', 'challenge')
                            OR decision.effective = 'review' AND NEW.kind = 'authorize'))));
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
            PERFORM FROM here.payments_payout WHERE id = NEW.payout_id AND merchant_id = NEW.merchant_id
                AND livemode = NEW.livemode AND NEW.kind = 'payout' AND NEW.charge_id IS NULL
                AND NEW.payment_intent_id IS NULL AND NEW.refund_id IS NULL;
            IF FOUND THEN
                RETURN NULL;
            END IF;
        END IF;
        RAISE EXCEPTION '% % belongs to what is not there, or to what nobody may be asked for', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'foreign_key_violation';
    END
    """,
)

# A charge that was to be reviewed, and that nobody has approved.
NOT_APPROVED = """EXISTS (SELECT FROM here.risk_decision WHERE id = {it}.decision_id AND effective = 'review')
    AND NOT EXISTS (SELECT FROM here.risk_review review WHERE review.charge = {it}.public_id
        AND (review.state = 'approved' OR review.state = 'expired' AND review.at_deadline = 'approve'))
    OR EXISTS (SELECT FROM here.risk_review review WHERE review.charge = {it}.public_id
        AND review.state = 'open')"""

CAPTURED = trigger_function(
    "payments_charge_moved",
    f"""
    BEGIN
        PERFORM FROM here.payments_timelineentry
            WHERE payment_intent_id = NEW.payment_intent_id AND charge_id = NEW.id
                AND charge_state = NEW.state AND xid = pg_current_xact_id();
        IF NOT FOUND AND NEW.state <> OLD.state THEN
            RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state = 'captured' AND OLD.state <> 'captured' THEN
            IF NEW.fee_plan_id IS NULL OR NEW.fee_minor IS NULL
                    OR NEW.fee_minor NOT BETWEEN 0 AND NEW.captured_minor THEN
                RAISE EXCEPTION 'charge % is captured without its price: plan %, fee % of %', NEW.public_id,
                    NEW.fee_plan_id, NEW.fee_minor, NEW.captured_minor USING ERRCODE = 'check_violation';
            END IF;
            IF NEW.late_of_id IS NULL AND ({NOT_APPROVED.format(it="NEW")}) THEN
                RAISE EXCEPTION 'charge % is captured before anybody has approved it', NEW.public_id
                    USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        RETURN NULL;
    END
    """,
)

# As before; and no capture of what is under review.
BOUNDED = trigger_function(
    "payments_bound_operation",
    """
    DECLARE
        taken here.payments_charge%ROWTYPE;
        fits boolean;
    BEGIN
        SELECT * INTO taken FROM here.payments_charge WHERE id = NEW.charge_id FOR NO KEY UPDATE;
        CASE NEW.kind
            WHEN 'capture' THEN
                fits := taken.state = 'authorized' AND NEW.amount_minor <= taken.amount_minor
                    AND taken.capture_before > now();
                IF <not approved> THEN
                    RAISE EXCEPTION 'charge % awaits its review', taken.public_id
                        USING ERRCODE = 'check_violation';
                END IF;
            WHEN 'void' THEN
                fits := taken.state IN ('authorized', 'requires_action');
            WHEN 'complete' THEN
                fits := taken.state = 'processing' AND NEW.amount_minor = taken.amount_minor;
            WHEN 'refund' THEN
                fits := EXISTS (SELECT FROM here.payments_refund refund WHERE refund.id = NEW.refund_id
                    AND refund.charge_id = taken.id AND refund.amount_minor = NEW.amount_minor);
            ELSE
                fits := false;
        END CASE;
        IF NOT fits OR taken.currency <> NEW.currency OR taken.merchant_id <> NEW.merchant_id
            OR taken.livemode <> NEW.livemode THEN
            RAISE EXCEPTION 'a % of % does not fit charge %, which is % of %', NEW.kind, NEW.amount_minor,
                taken.public_id, taken.state, taken.amount_minor USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END
    """.replace("<not approved>", NOT_APPROVED.format(it="taken")),
)

SAID_ONCE = [
    trigger_function(
        "payments_charge_said_once",
        """
        BEGIN
            IF OLD.captured_minor IS NOT NULL
                    AND (OLD.captured_minor, OLD.fee_minor, OLD.balance_transaction)
                        IS DISTINCT FROM (NEW.captured_minor, NEW.fee_minor, NEW.balance_transaction)
                OR OLD.capture_before IS NOT NULL
                    AND (OLD.capture_before, OLD.review) IS DISTINCT FROM (NEW.capture_before, NEW.review) THEN
                RAISE EXCEPTION 'what was said of charge % when it was held or captured stays', OLD.public_id
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    """
    DROP TRIGGER said_once ON payments_charge;
    CREATE TRIGGER said_once
        BEFORE UPDATE OF captured_minor, fee_minor, balance_transaction, capture_before, review
        ON payments_charge FOR EACH ROW
        WHEN (OLD.captured_minor IS NOT NULL OR OLD.capture_before IS NOT NULL)
        EXECUTE FUNCTION payments_charge_said_once();
    """,
]

SAID_ONCE_BEFORE = [
    LEAN.SAID_ONCE[0],
    """
    DROP TRIGGER said_once ON payments_charge;
    CREATE TRIGGER said_once BEFORE UPDATE OF captured_minor, fee_minor, balance_transaction, capture_before
        ON payments_charge FOR EACH ROW
        WHEN (OLD.captured_minor IS NOT NULL OR OLD.capture_before IS NOT NULL)
        EXECUTE FUNCTION payments_charge_said_once();
    """,
]
UNBOUNDED = WHOLE_LIFE.OPERATIONS.partition("-- Fresh")[0].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)

PLANNED = f"{PLANS.PARENT} AND ({PLANS.PLAN})"


def charges(*, births: list[str], frozen: list[str]) -> Rule:
    return forward_only(
        "payments_charge",
        births=births,
        moves=WHOLE_LIFE.CHARGE_MOVES,
        frozen=(*WHOLE_LIFE.MONEY, "payment_intent_id", "processor", "source", "late_of_id", *frozen),
    )


class Migration(migrations.Migration):
    dependencies = [("payments", "0019_exchanges"), ("risk", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="charge",
            name="decision",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="risk.decision",
            ),
        ),
        migrations.AddField(
            model_name="charge",
            name="review",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        charges(births=["created", "processing"], frozen=[]).again(),
        charges(births=["created", "processing", "failed"], frozen=["decision_id"]),
        migrations.RunSQL(PLANS.charges(f"{PLANNED} AND ({DECIDED})"), PLANS.charges(PLANNED)),
        # After what makes both functions anew: the later one holds.
        migrations.RunSQL(CAPTURED, PLANS.PRICED),
        migrations.RunSQL(ASKED, PAYOUTS.OPERATION[0]),
        migrations.RunSQL(BOUNDED, UNBOUNDED),
        migrations.RunSQL(SAID_ONCE, SAID_ONCE_BEFORE),
    ]
