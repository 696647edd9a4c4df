"""What charges cost is said by versions of plans, which never change; each charge keeps the one that prices it."""

import functools
from importlib import import_module
from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.ids
from core.append_only import append_only, trigger_function
from core.ids import new_id

LEAN = import_module("payments.migrations.0007_lean_guards")

# What every merchant paid until now, in millionths and in the smallest unit.
STANDARD = {"share_millionths": 29_000, "fixed_minor": 30}

# Readers take in what has a higher id than what they know, so ids come in the order of the commits.
VERSIONS = [
    trigger_function(
        "payments_feeplan_born",
        """
        DECLARE
            rule jsonb;
            place int := 0;
            least bigint;
            most bigint;
        BEGIN
            PERFORM pg_advisory_xact_lock(1717921136);
            IF EXISTS (SELECT FROM here.payments_feeplan WHERE id > NEW.id) OR NEW.version <> 1 + coalesce((
                SELECT max(version) FROM here.payments_feeplan WHERE merchant_id IS NOT DISTINCT FROM NEW.merchant_id), 0)
            THEN
                RAISE EXCEPTION 'fee plan % does not follow the one before it', NEW.public_id
                    USING ERRCODE = 'check_violation';
            END IF;
            FOR rule IN SELECT jsonb_array_elements(NEW.rules) LOOP
                place := place + 1;
                least := coalesce((rule->>'minimum_minor')::bigint, 0);
                most := coalesce((rule->>'maximum_minor')::bigint, 99999999);
                IF coalesce((rule->>'share_millionths')::bigint, -1) NOT BETWEEN 0 AND 1000000
                    OR coalesce((rule->>'fixed_minor')::bigint, 0) NOT BETWEEN 0 AND 99999999
                    OR least NOT BETWEEN 0 AND most OR most > 99999999
                    OR (place = jsonb_array_length(NEW.rules)) <> (rule - ARRAY[
                        'share_millionths', 'fixed_minor', 'minimum_minor', 'maximum_minor'] = '{}') THEN
                    RAISE EXCEPTION 'rule % of fee plan % is no price: %', place, NEW.public_id, rule
                        USING ERRCODE = 'check_violation';
                END IF;
            END LOOP;
            IF place = 0 THEN
                RAISE EXCEPTION 'fee plan % has no rules', NEW.public_id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    """
    CREATE TRIGGER sound BEFORE INSERT ON payments_feeplan
        FOR EACH ROW EXECUTE FUNCTION payments_feeplan_born();
    """,
]
UNDO_VERSIONS = """
DROP TRIGGER sound ON payments_feeplan;
DROP FUNCTION payments_feeplan_born();
"""

PARENT = f"SELECT FROM here.payments_paymentintent WHERE id = NEW.payment_intent_id AND {LEAN.OWNED}"
PLAN = """NEW.fee_plan_id IS NULL OR EXISTS (SELECT FROM here.payments_feeplan
    WHERE id = NEW.fee_plan_id AND coalesce(merchant_id, NEW.merchant_id) = NEW.merchant_id)"""


def charges(parent: str) -> str:
    told = LEAN.told_by_timeline(
        "payments_charge",
        row="payment_intent_id = NEW.payment_intent_id AND charge_id = NEW.id",
        state="charge_state",
        parent=parent,
    )
    return str(told.sql)


# Captured is priced: by a plan that is its merchant's or everybody's, and never for more than it took.
PRICED = trigger_function(
    "payments_charge_moved",
    """
    BEGIN
        PERFORM FROM here.payments_timelineentry
            WHERE payment_intent_id = NEW.payment_intent_id AND charge_id = NEW.id
                AND charge_state = NEW.state AND xid = pg_current_xact_id();
        IF NOT FOUND AND NEW.state <> OLD.state THEN
            RAISE EXCEPTION '% % reached % without a timeline row', TG_TABLE_NAME, NEW.id, NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state = 'captured' AND OLD.state <> 'captured' AND (NEW.fee_plan_id IS NULL
                OR NEW.fee_minor IS NULL OR NEW.fee_minor NOT BETWEEN 0 AND NEW.captured_minor) THEN
            RAISE EXCEPTION 'charge % is captured without its price: plan %, fee % of %', NEW.public_id,
                NEW.fee_plan_id, NEW.fee_minor, NEW.captured_minor USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    """,
)
PRICED_ONCE = """
CREATE TRIGGER priced_once BEFORE UPDATE OF fee_plan_id ON payments_charge FOR EACH ROW
    WHEN (OLD.fee_plan_id IS NOT NULL AND OLD.fee_plan_id IS DISTINCT FROM NEW.fee_plan_id)
    EXECUTE FUNCTION core_refuse_change();
"""


def take_over(apps: Any, schema_editor: Any) -> None:
    """The standard plan; and a plan of their own for merchants who had agreed on something else."""
    plans = apps.get_model("payments", "FeePlan").objects
    said = {"version": 1, "made_by": "Tollgate", "reason": "What was agreed before there were plans."}
    plans.create(public_id=new_id("fp"), rules=[STANDARD], **said)
    for merchant in apps.get_model("merchants", "Merchant").objects.order_by("pk").iterator():
        rule = {"share_millionths": merchant.fee_basis_points * 100, "fixed_minor": merchant.fee_fixed_minor}
        if rule != STANDARD:
            plans.create(public_id=new_id("fp"), merchant_id=merchant.pk, rules=[rule], **said)


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        ("payments", "0014_dispute_claims"),
    ]
    operations = [
        migrations.CreateModel(
            name="FeePlan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=functools.partial(core.ids.new_id, *("fp",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("home_country", models.CharField(blank=True, db_default="", default="", max_length=2)),
                ("rules", models.JSONField()),
                ("made_by", models.CharField(max_length=320)),
                ("reason", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "merchant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fee_plans",
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["public_id"], name="fee_plan_once"),
                    models.UniqueConstraint(fields=["merchant", "version"], name="fee_plans_have_versions"),
                    models.UniqueConstraint(
                        condition=models.Q(("merchant", None)),
                        fields=["version"],
                        name="standard_fee_plans_have_versions",
                    ),
                ],
            },
        ),
        migrations.RunSQL(VERSIONS, UNDO_VERSIONS),
        append_only("payments_feeplan"),
        migrations.RunPython(take_over, migrations.RunPython.noop),
        # Rows that were written here are checked at once: tables with checks to come are not changed.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="charge",
            name="fee_plan",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.feeplan",
            ),
        ),
        migrations.RunSQL(charges(f"{PARENT} AND ({PLAN})"), charges(PARENT)),
        migrations.RunSQL(PRICED, migrations.RunSQL.noop),
        migrations.RunSQL(PRICED_ONCE, "DROP TRIGGER priced_once ON payments_charge;"),
    ]
