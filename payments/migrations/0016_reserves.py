"""What is held back of what merchants have, and how deep their refunds may take them into debt."""

from importlib import import_module

import django.core.validators
import django_fsm
from django.db import migrations, models

from core.append_only import forward_only, trigger_function

AVAILABLE = import_module("payments.migrations.0008_available")
PAYOUTS = import_module("payments.migrations.0010_payout_guards")

BEFORE = [
    rule
    for rule in AVAILABLE.Migration.operations
    if "payments_balancetransaction_forward" in str(getattr(rule, "sql", ""))
]

# As before; but what may be paid out ends where the merchant's fixed reserve begins.
BACKED_BEFORE = PAYOUTS.PAYOUT[0]
BACKED = BACKED_BEFORE.replace(
    "IS DISTINCT FROM 0 THEN",
    """IS DISTINCT FROM - coalesce(
                (SELECT reserve_fixed_minor FROM here.payments_terms WHERE merchant_id = NEW.merchant_id), 0) THEN""",
)

# How far a refund may go is the ledger's limit, which must be there as it was agreed: whoever books a refund waits for
# whoever else books one of the same account. Money that came late goes back in any case, under a kind of its own.
WITHIN_DEBT = [
    trigger_function(
        "payments_refund_within_debt",
        """
        DECLARE
            allowed bigint;
            booked bigint;
        BEGIN
            SELECT debt_limit_minor INTO allowed FROM here.payments_terms WHERE merchant_id = NEW.merchant_id;
            IF allowed IS NULL THEN
                RETURN NULL;
            END IF;
            SELECT entry.account_id INTO booked FROM here.payments_operation operation
                JOIN here.ledger_transaction t ON t.reference = operation.public_id || ':start'
                JOIN here.ledger_entry entry ON entry.transaction_id = t.id AND entry.amount_minor > 0
                WHERE operation.refund_id = NEW.id AND t.kind = 'refund_started';
            IF FOUND AND here.ledger_limit_of(booked, 'refund_started') IS DISTINCT FROM allowed THEN
                RAISE EXCEPTION 'refund % of % is not booked within the debt that its merchant may have, %',
                    NEW.public_id, NEW.amount_minor, allowed USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
    """
    CREATE CONSTRAINT TRIGGER within_debt AFTER INSERT ON payments_refund
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_refund_within_debt();
    """,
]
UNDO_WITHIN_DEBT = """
DROP TRIGGER within_debt ON payments_refund;
DROP FUNCTION payments_refund_within_debt();
"""

FROZEN = (*AVAILABLE.MONEY, "type", "source", "charge_id", "fee_minor", "available_on", "ledger_reference")


class Migration(migrations.Migration):
    dependencies = [("payments", "0015_fee_plans")]
    operations = [
        *(rule.again() for rule in BEFORE),
        forward_only(
            "payments_balancetransaction",
            births=["pending", "reserved", "available"],
            moves=[("pending", "available"), ("reserved", "available")],
            frozen=FROZEN,
        ),
        migrations.AlterField(
            model_name="balancetransaction",
            name="state",
            field=django_fsm.FSMField(
                choices=[("pending", "Pending"), ("reserved", "Reserved"), ("available", "Available")],
                default="pending",
                max_length=16,
                protected=True,
            ),
        ),
        migrations.AlterField(
            model_name="balancetransaction",
            name="type",
            field=models.CharField(
                choices=[
                    ("charge", "Charge"),
                    ("refund", "Refund"),
                    ("refund_failure", "Refund Failure"),
                    ("payout", "Payout"),
                    ("payout_failure", "Payout Failure"),
                    ("payout_cancel", "Payout Cancel"),
                    ("adjustment", "Adjustment"),
                    ("reserve_hold", "Reserve Hold"),
                    ("reserve_release", "Reserve Release"),
                ],
                max_length=20,
            ),
        ),
        *(
            step
            for name, column in (
                ("balances_to_come", "available_on"),
                ("balances_to_come_of_charge", "charge"),
            )
            for step in (
                migrations.RemoveIndex(model_name="balancetransaction", name=name),
                migrations.AddIndex(
                    model_name="balancetransaction",
                    index=models.Index(
                        condition=models.Q(("state", "available"), _negated=True), fields=[column], name=name
                    ),
                ),
            )
        ),
        migrations.AddField(
            model_name="terms",
            name="reserve_basis_points",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                validators=[django.core.validators.MaxValueValidator(10_000)],
            ),
        ),
        migrations.AddField(
            model_name="terms",
            name="reserve_days",
            field=models.PositiveSmallIntegerField(
                db_default=90,
                default=90,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(730),
                ],
            ),
        ),
        migrations.AddField(
            model_name="terms",
            name="reserve_fixed_minor",
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="terms",
            name="debt_limit_minor",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="terms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("reserve_basis_points__lte", 10_000),
                    ("reserve_days__gte", 1),
                    ("reserve_days__lte", 730),
                ),
                name="reserves_are_a_share_for_some_days",
            ),
        ),
        migrations.RunSQL(BACKED, BACKED_BEFORE),
        migrations.RunSQL(WITHIN_DEBT, UNDO_WITHIN_DEBT),
    ]
