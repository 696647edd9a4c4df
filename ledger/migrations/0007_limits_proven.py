"""Whoever asks for a limit leaves what they saw, and limits are sealed like entries."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

import ledger.models
from core.append_only import append_only, trigger_function

BEFORE = import_module("ledger.migrations.0004_limits")

# Written anew, since a copy of rows that a restore brought is this cluster's own.
REWRITTEN = "ALTER TABLE ledger_limit ALTER COLUMN kind TYPE text USING kind || ''"
ONE_BY_ONE = trigger_function(
    "ledger_limits_come_one_by_one",
    """
    BEGIN
        IF NEW.xid <> pg_current_xact_id() OR NEW.created_at <> now() THEN
            RAISE EXCEPTION 'a limit must carry this database transaction''s own xid and time'
                USING ERRCODE = 'check_violation';
        END IF;
        PERFORM here.ledger_lock_account(NEW.account_id);
        RETURN NEW;
    END
    """,
)
# One statement for the sum and the moment: both see the same.
ENTRIES = BEFORE.ENTRIES.replace(
    "balance numeric;",
    """balance numeric;
        moment pg_snapshot;""",
).replace(
    "balance := here.ledger_balance(bound.account_id);",
    """SELECT here.ledger_balance(bound.account_id), pg_current_snapshot() INTO balance, moment;
                INSERT INTO here.ledger_limit_proof (transaction_id, account_id, limit_id, seen, last_entry_id)
                    SELECT wrong.id, bound.account_id, (
                        SELECT l.id FROM here.ledger_limit l
                        WHERE l.account_id = bound.account_id AND l.kind IN ('', wrong.kind)
                        ORDER BY l.kind DESC, l.id DESC LIMIT 1
                    ), moment, max(e.id) FROM fresh e WHERE e.account_id = bound.account_id;""",
)
PLANS = "ALTER FUNCTION ledger_check_entries() SET enable_seqscan = off;"
OF_THE_LEDGER = trigger_function(
    "ledger_refuse_proof",
    """
    BEGIN
        IF pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION 'proofs of limits are written by the ledger''s own trigger'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END
    """,
)
TRIGGER = """
    CREATE TRIGGER of_the_ledger BEFORE INSERT ON ledger_limit_proof
        FOR EACH ROW EXECUTE FUNCTION ledger_refuse_proof();
"""
UNDO_ONE_BY_ONE = trigger_function(
    "ledger_limits_come_one_by_one",
    "BEGIN PERFORM here.ledger_lock_account(NEW.account_id); RETURN NEW; END",
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_reading")]
    operations = [
        migrations.AddField(
            model_name="ledgerlimit",
            name="xid",
            field=ledger.models.TransactionIdField(
                db_default=models.Func(function="pg_current_xact_id"), editable=False
            ),
        ),
        migrations.RunSQL(REWRITTEN, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="ledgerlimit",
            index=models.Index(fields=["xid"], name="ledger_limit_xid"),
        ),
        migrations.AddField(
            model_name="ledgerseal",
            name="limit_base_id",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="LedgerLimitProof",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seen", ledger.models.SnapshotField()),
                ("last_entry_id", models.BigIntegerField()),
                *(
                    (
                        name,
                        models.ForeignKey(
                            db_constraint=False,
                            db_index=False,
                            on_delete=django.db.models.deletion.PROTECT,
                            related_name="+",
                            to=f"ledger.{model}",
                        ),
                    )
                    for name, model in (
                        ("account", "ledgeraccount"),
                        ("limit", "ledgerlimit"),
                        ("transaction", "ledgertransaction"),
                    )
                ),
            ],
            options={
                "db_table": "ledger_limit_proof",
                "constraints": [
                    models.UniqueConstraint(fields=("transaction", "account"), name="ledger_limit_proof_once")
                ],
            },
        ),
        append_only("ledger_limit_proof"),
        migrations.RunSQL(
            [ONE_BY_ONE, ENTRIES, PLANS, OF_THE_LEDGER, TRIGGER],
            [
                "DROP TRIGGER of_the_ledger ON ledger_limit_proof; DROP FUNCTION ledger_refuse_proof();",
                UNDO_ONE_BY_ONE,
                BEFORE.ENTRIES,
                PLANS,
            ],
        ),
    ]
