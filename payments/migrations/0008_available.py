"""What a merchant has is pending or available, in their balance transactions as in the ledger."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models

from core.append_only import append_only, forward_only, trigger_function

# Until now all of it stood on the pending account; beat moves what is due.
BEFORE = """
UPDATE payments_balancetransaction balance SET charge_id = charge.id
FROM payments_charge charge WHERE balance.type = 'charge' AND charge.public_id = balance.source;
UPDATE payments_balancetransaction balance SET charge_id = refund.charge_id
FROM payments_refund refund WHERE balance.type <> 'charge' AND refund.public_id = balance.source;
"""

# What is still to come has a charge, whose lock it will become available under.
OF_ITS_OWNER = [
    trigger_function(
        "payments_balancetransaction_born",
        """
        BEGIN
            IF NEW.charge_id IS NOT NULL THEN
                PERFORM FROM here.payments_charge WHERE id = NEW.charge_id AND currency = NEW.currency
                    AND merchant_id = NEW.merchant_id AND livemode = NEW.livemode;
            ELSE
                PERFORM FROM here.merchants_merchant WHERE id = NEW.merchant_id AND NEW.state = 'available';
            END IF;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'balance transaction % belongs to what is not there', NEW.public_id
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
    """
    CREATE TRIGGER of_its_owner AFTER INSERT ON payments_balancetransaction
        FOR EACH ROW EXECUTE FUNCTION payments_balancetransaction_born();
    """,
]
UNDO_OF_ITS_OWNER = """
DROP TRIGGER of_its_owner ON payments_balancetransaction;
DROP FUNCTION payments_balancetransaction_born();
"""

# An open refund moves to the available account with its sale, and stays there.
DRAWN = """
CREATE TRIGGER drawn_once BEFORE UPDATE OF from_available ON payments_refund FOR EACH ROW
    WHEN (OLD.from_available IS DISTINCT FROM NEW.from_available
          AND (OLD.from_available OR OLD.state <> 'pending'))
    EXECUTE FUNCTION core_refuse_change();
"""

MONEY = ("public_id", "merchant_id", "livemode", "created_at", "amount_minor", "currency")
APPEND_ONLY = append_only("payments_balancetransaction")


class Migration(migrations.Migration):
    dependencies = [("payments", "0007_lean_guards")]
    operations = [
        migrations.AddField(
            model_name="balancetransaction",
            name="charge",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="balance_transactions",
                to="payments.charge",
            ),
        ),
        migrations.AddField(
            model_name="balancetransaction",
            name="state",
            field=django_fsm.FSMField(
                choices=[("pending", "Pending"), ("available", "Available")],
                default="pending",
                max_length=16,
                protected=True,
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="from_available",
            field=models.BooleanField(db_default=False, default=False),
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
                ],
                max_length=20,
            ),
        ),
        migrations.RunSQL(APPEND_ONLY.reverse_sql, APPEND_ONLY.sql),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        forward_only(
            "payments_balancetransaction",
            births=["pending", "available"],
            moves=[("pending", "available")],
            frozen=(*MONEY, "type", "source", "charge_id", "fee_minor", "available_on", "ledger_reference"),
        ),
        migrations.RunSQL(OF_ITS_OWNER, UNDO_OF_ITS_OWNER),
        migrations.RunSQL(DRAWN, "DROP TRIGGER drawn_once ON payments_refund;"),
        migrations.AddIndex(
            model_name="balancetransaction",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["available_on"], name="balances_to_come"
            ),
        ),
        migrations.AddIndex(
            model_name="balancetransaction",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["charge"], name="balances_to_come_of_charge"
            ),
        ),
    ]
